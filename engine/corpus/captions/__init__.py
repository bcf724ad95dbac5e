"""What is said of a sound: captions and the words they are made of."""
