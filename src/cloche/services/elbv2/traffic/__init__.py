"""What a load balancer does with a request. The pure part: `matching`, `rewriting`, `cookies`, `choosing`, `lambda_events`; the rest waits for targets."""
