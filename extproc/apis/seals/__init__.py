"""What only one provider can read: its places in requests and responses, and the tags that say whose it is."""
