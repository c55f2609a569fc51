"""The engines that apply the rules of identity to many rows at once; they know nothing of identity."""
