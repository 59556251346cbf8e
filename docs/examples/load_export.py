"""Loads an export with Hugging Face `datasets`, as a training script does, and prints what is in it.

    pip install datasets
    everseed export letters@1 --out letters-1
    python load_export.py letters-1

The card in the folder (README.md) says which files make up which split and how many rows each has: `load_dataset` checks it.
"""
import json
import sys

from datasets import load_dataset

splits = load_dataset(sys.argv[1])
for name, rows in splits.items():
    human = sum(origin == "HUMAN_AUTHORED" for origin in (row["origin"] for row in rows["metadata"]))
    print(json.dumps({"split": name, "rows": rows.num_rows, "human": human, "columns": rows.column_names}))
