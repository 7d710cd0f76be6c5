"""OpenAI's assistants: runs on threads."""
