"""The rule engine: patterns read, compiled, searched, over whole texts and over texts that stream."""
