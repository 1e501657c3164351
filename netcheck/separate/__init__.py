"""What looks the same from one socket, told apart: a closer look at what failed, and what it comes to."""
