"""Opening of hostile files in child processes: PDF through MuPDF, images through Pillow, pages streamed back."""
