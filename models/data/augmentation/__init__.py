"""What stands between a shop picture and a store: look-alikes, hands, light, motion, bad speech."""
