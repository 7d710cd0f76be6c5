"""Token streams of llama.cpp, Ollama, TGI and Anthropic's old completions."""
