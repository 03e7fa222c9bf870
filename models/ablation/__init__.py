"""What each part of the network is worth: arms, folds and seeds, measured alike."""
