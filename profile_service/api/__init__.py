"""The HTTP side of the service: routes, who may call them, and how they answer."""
