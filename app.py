"""Start the app: settings -> services -> Gradio app -> launch. Run: python app.py"""

from __future__ import annotations

import logging

from pydantic import ValidationError

from rilearn.errors import RilearnError
from rilearn.services import Services
from rilearn.settings import Settings


def main() -> None:
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("rilearn").setLevel(logging.INFO)  # ours in full, of the libraries only their warnings
    try:
        settings = Settings()
        services = Services(settings)
    except (RilearnError, ValidationError) as error:
        raise SystemExit(f"rilearn cannot start: {error}") from None
    services.start()
    # Importing Gradio takes seconds of a slow core; by now the model loads beside it.
    from rilearn.ui.build import build, page

    try:
        build(services).launch(**page(services))
    finally:
        services.close()


if __name__ == "__main__":
    main()
