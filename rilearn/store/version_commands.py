"""Commands about model versions:  python -m rilearn.store versions | promote | rollback

    python -m rilearn.store versions
    python -m rilearn.store promote runs/generator-2 --role generator --evidence runs/generator-2/evidence.json --as ann
    python -m rilearn.store rollback --role generator --as ann
"""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from rilearn.errors import InputError
from rilearn.gate import ROLES, Verdict, read_evidence
from rilearn.kept import candidate, shipped
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.promotions import Promotion, Promotions
from rilearn.store.versions import Versions
