"""What is said and shown about the project; figures.py draws the pictures."""
