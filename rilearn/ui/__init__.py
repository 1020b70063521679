"""The page: one file per tab, pure rendering in render.py, nothing below this floor knows Gradio."""
