"""From a checkpoint to a bundle, part by part; made again is only what would come out different."""
