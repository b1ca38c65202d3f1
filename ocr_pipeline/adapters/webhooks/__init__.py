"""Messages to the addresses that clients give: where they may go, and how they are sent there and nowhere else."""
