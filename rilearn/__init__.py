"""rilearn: classifiers that explain themselves (Two-Stage Reasoning-Infused Learning)."""
