"""Times the metrics of PyPI diversity that everseed has too: reads a JSON list of texts, prints seconds and values.

    python diversity.py texts.json ROUGE_SAMPLE
"""

import json
import sys
import time
import types
from importlib.util import find_spec
from pathlib import Path

# The package's own __init__ asks for spaCy, which none of the modules used here needs.
package = types.ModuleType("diversity")
package.__path__ = [str(Path(find_spec("rouge_score").origin).parent.parent / "diversity")]
sys.modules["diversity"] = package
# Imported for BERTScore and BLEU alone, and with it torch.
sys.modules["evaluate"] = types.ModuleType("evaluate")
sys.modules["evaluate"].load = None

from diversity.compression import compression_ratio
from diversity.homogenization import homogenization_score
from diversity.ngram_diversity import ngram_diversity_score
from diversity.self_repetition import self_repetition_score

texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
sample = texts[: int(sys.argv[2])]
calls = {
    "ngram_diversity_4": lambda: ngram_diversity_score(texts, 4),
    "self_repetition_4": lambda: float(self_repetition_score(texts, 4, verbose=False)),
    "compression_ratio": lambda: compression_ratio(texts, "gzip"),
    "rouge_l": lambda: homogenization_score(sample, "rougel", verbose=False),
}
found = {}
for name, call in calls.items():
    before = time.process_time()
    value = call()
    found[name] = {"seconds": time.process_time() - before, "value": value}
print(json.dumps(found))
