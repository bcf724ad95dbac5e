"""Adversarial relativistic-contrastive post-training (2505.08175)."""
