"""The theme: Gradio's Base with calm colours, system fonts (no downloads) and AA contrast, light and dark."""

from __future__ import annotations

import gradio as gr

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    base = gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        text_size="md",
        radius_size="lg",
        font=SANS,
        font_mono=MONO,
    )
    return base.set(
        body_background_fill="#f6f7fb",
        body_background_fill_dark="#10131b",
        body_text_color="#1c2333",
        body_text_color_dark="#e7eaf3",
        body_text_color_subdued="#566079",
        body_text_color_subdued_dark="#a3adc4",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_padding="0px",
        block_border_width="0px",
        block_label_text_color="#566079",
        block_title_text_weight="600",
        input_background_fill="#ffffff",
        input_background_fill_dark="#191e2a",
        input_border_color="#c3cad9",
        input_border_color_dark="#3a4358",
        input_border_color_focus="#3b5bdb",
        input_border_color_focus_dark="#8ea3ff",
        input_border_width="1px",
        input_radius="12px",
        button_large_radius="12px",
        input_placeholder_color="#677189",
        input_placeholder_color_dark="#96a0b8",
        button_primary_background_fill="#3b5bdb",
        button_primary_background_fill_hover="#2f4bc0",
        button_primary_background_fill_dark="#4263eb",
        button_primary_background_fill_hover_dark="#3b5bdb",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#e8ebf4",
        button_secondary_background_fill_dark="#2a3142",
        button_secondary_text_color="#1c2333",
        button_secondary_text_color_dark="#e7eaf3",
    )
