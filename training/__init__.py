"""The stages: train_generator, augment, train_classifier, evaluate, pipeline. Each is a command with a recipe."""
