"""Loads exports with datasets and with mlcroissant, and prints what each of them read.

Usage: load.py FOLDER...
"""
import json
import os
import sys

import mlcroissant
from datasets import load_dataset


def read(folder):
    splits = load_dataset(folder)
    described = mlcroissant.Dataset(os.path.join(folder, "croissant.json"))
    ids = {}
    # A list of objects in Parquet is more than mlcroissant takes apart; it reads JSON lines.
    if any(name.endswith(".jsonl") for name in os.listdir(folder)):
        for name in splits:
            field = f"{name}/metadata"
            ids[name] = [record[field][f"{field}/id"].decode() for record in described.records(name)]
    issues = described.metadata.issues
    return {
        "datasets": {name: rows.to_list() for name, rows in splits.items()},
        "croissant": ids,
        "issues": sorted(issues.errors) + sorted(issues.warnings),
    }


json.dump([read(folder) for folder in sys.argv[1:]], sys.stdout)
