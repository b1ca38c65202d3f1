"""Files of the person who runs the pipeline: those to read, and the folder that results go to."""
