"""What looks at stacks and shows them at work: the development server, `check`, the demo."""
