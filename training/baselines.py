"""Classical baselines on a task's dataset: majority class, TF-IDF with logistic regression and with a linear SVM.

python -m training.baselines --dataset dair-ai/emotion --split validation --out data/results/baselines-validation.json
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from rilearn.corpora import load_split, public_name
from rilearn.metrics import classification
from rilearn.tasks import load_task
from training.data import dataset_spec, task_rows
from training.recipes import TextData
from training.stage import parser, run, write_result


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--task", default="emotion")
    arguments.add_argument("--dataset", help="Hub id or folder; the task's own if left out")
    arguments.add_argument("--split", default="validation")
    given = arguments.parse_args(argv)
    task = load_task(given.task)
    spec = dataset_spec(task, given.dataset, task.dataset.config)
    train, report = task_rows(task, TextData(id=given.dataset, config=task.dataset.config), seed=0)
    split = load_split(task, given.split, spec)
    texts, gold = [e.text for e in split.examples], [e.label or "" for e in split.examples]
    labels = [e.label or "" for e in train]

    def measured(predicted: list[str], seconds: float) -> dict[str, Any]:
        return {**classification(gold, predicted, task.labels), "seconds": round(seconds, 1)}

    def tfidf(classifier: Any) -> dict[str, Any]:
        start = time.monotonic()
        made = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), classifier)
        made.fit([e.text for e in train], labels)
        return measured([str(label) for label in made.predict(texts)], time.monotonic() - start)

    most = Counter(labels).most_common(1)[0][0]
    result = {
        "dataset": public_name(spec.id),
        "dataset_fingerprint": split.fingerprint,
        "split": given.split,
        "n": len(gold),
        "train_rows": len(train),
        "train_fingerprint": report["fingerprint"],
        "seed": 0,
        "systems": {
            "majority": measured([most] * len(gold), 0.0),
            "tfidf-logistic-regression": tfidf(LogisticRegression(C=10.0, max_iter=1000)),
            "tfidf-linear-svm": tfidf(LinearSVC(class_weight="balanced", random_state=0)),
        },
    }
    write_result(given.out, result)
    for name, system in result["systems"].items():
        print(f"{name}: accuracy {system['accuracy']:.4f}")


if __name__ == "__main__":
    run(main)
