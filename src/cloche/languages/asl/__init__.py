"""The Amazon States Language: what a definition means, without running it. Paths, payload templates, intrinsic functions, choices, JSONata, and what is wrong with a definition."""
