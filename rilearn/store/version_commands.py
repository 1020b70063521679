"""Commands about model versions:  python -m rilearn.store versions | promote | rollback

python -m rilearn.store versions
python -m rilearn.store promote runs/generator-2 --role generator --evidence runs/generator-2/evidence.json --as ann
python -m rilearn.store rollback --role generator --as ann
"""

from __future__ import annotations
