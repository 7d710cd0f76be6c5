"""Values that only one provider can read: their places in requests and responses, and tags that name the provider."""
