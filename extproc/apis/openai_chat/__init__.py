"""OpenAI's chat completions and completions, and the many servers that speak them."""
