"""Start the app: settings -> services -> Gradio app -> launch. Run: python app.py"""

from __future__ import annotations

import logging

from pydantic import ValidationError

from rilearn.errors import RilearnError
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.ui.build import build, page


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        services = Services(Settings())
    except (RilearnError, ValidationError) as error:
        raise SystemExit(f"rilearn cannot start: {error}") from None
    services.start()
    try:
        build(services).launch(**page())
    finally:
        services.close()


if __name__ == "__main__":
    main()
