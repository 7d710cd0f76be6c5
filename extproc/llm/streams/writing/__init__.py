"""Events that the processor adds to a stream: held-back text that must leave, and what ends a blocked answer."""
