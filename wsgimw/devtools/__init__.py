"""What looks at stacks and shows them at work: `explain`, `check`, the server, the demo."""
