"""Networks on the Hugging Face Hub, and the one that comes with dagen."""
