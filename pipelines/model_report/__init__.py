"""What a trained model learned and what it made of everyone: measured, in numbers, as text and as a page."""
