"""What a report shows, as plain records that JSON keeps without loss."""
