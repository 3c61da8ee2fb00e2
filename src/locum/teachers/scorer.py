"""Probabilities of labels after many prompts, in as few passes of a language model as can be.

Prompts of one task begin alike: the keys and values of what they share are computed once. The rest
is packed into one sequence, prompt after prompt, each followed by the nodes of the label trie. The
attention mask lets a token see the shared beginning, its own prompt, and of the nodes those on its
own line; positions count along that line. One pass gives what follows every prompt and every node,
as if each line had been written after its prompt alone, and nothing is padded.

Models whose layers keep something else than all keys and values (a sliding window, a recurrent
state), and those that turn out not to heed such a mask, are asked plainly instead: every line of
the trie after every whole prompt, in a sequence of its own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from locum.teachers.label_trie import LabelTrie, Meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray
    from transformers import DynamicCache, PreTrainedModel

__all__ = ["Scorer", "Scoring"]

Scoring = Literal["tree", "plain"]
TokenIds = list[int]

_MOST_LOGITS = 2**27
_ROWS_OF_HEAD = 16_384
# The largest difference of two log-probabilities that rounding explains.
_ROUNDING = {"float32": 1e-2, "float16": 0.1, "bfloat16": 0.25}


class Scorer:
    """Reads the probabilities of labels from a causal language model.

    Args:
        model: The model, on its device. Its head is made to compute in float32.
        scoring: ``tree`` or ``plain``; by default ``tree`` where the model's layers allow it and
            its result on a short example is that of ``plain``.
        most_tokens: Tokens of one pass, but for longer prompts.
        most_nodes: Nodes of a trie in one pass; a larger trie takes several.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        scoring: Scoring | None = None,
        most_tokens: int = 4096,
        most_nodes: int = 512,
    ) -> None:
        self._model = model
        self._most_tokens = most_tokens
        self._most_nodes = most_nodes
        self._shared: TokenIds = []
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []
        _compute_head_in_float32(model)
        self.scoring: Scoring = scoring or ("tree" if self._takes_tree() else "plain")

    def read(
        self, prompts: Sequence[TokenIds], shared: int, trie: LabelTrie
    ) -> NDArray[np.float64]:
        """Return the probability of each label after each prompt; a row sums to at most one.

        Args:
            prompts: The tokens of each prompt.
            shared: With how many tokens all of them begin alike, fewer than the shortest has.
            trie: The labels.
        """
        return trie.probabilities(*self._measure(prompts, shared, trie, self.scoring))

    def _measure(
        self, prompts: Sequence[TokenIds], shared: int, trie: LabelTrie, scoring: Scoring
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What `LabelTrie.probabilities` takes."""
        import torch

        steps = np.zeros((len(prompts), len(trie.tokens)))
        masses = np.zeros((len(prompts), len(trie.meanings)))
        passes = self._tree_passes if scoring == "tree" else self._plain_passes
        with torch.inference_mode():
            for rows, piece, logits in passes(prompts, shared, trie):
                step, mass = _probabilities(logits.float(), piece)
                steps[np.ix_(rows, piece.nodes[1:])] = step
                masses[np.ix_(rows, piece.meanings)] = mass
        return steps, masses

    def _tree_passes(
        self, prompts: Sequence[TokenIds], shared: int, trie: LabelTrie
    ) -> Iterator[tuple[list[int], _Piece, torch.Tensor]]:
        self._share(prompts[0][:shared])
        lengths = [len(prompt) - shared for prompt in prompts]
        for nodes in trie.pieces(self._most_nodes):
            piece = _cut(trie, nodes)
            for rows in self._packs(lengths, len(nodes)):
                suffixes = [prompts[row][shared:] for row in rows]
                yield rows, piece, self._tree_logits(suffixes, piece)

    def _plain_passes(
        self, prompts: Sequence[TokenIds], _shared: int, trie: LabelTrie
    ) -> Iterator[tuple[list[int], _Piece, torch.Tensor]]:
        pieces = [_cut(trie, nodes) for nodes in trie.lines()]
        for row, prompt in enumerate(prompts):
            lengths = [len(prompt) + len(piece.tokens) for piece in pieces]
            for pack in self._packs(lengths, trie.height + 1):
                some = [pieces[number] for number in pack]
                logits = self._plain_logits(prompt, some)
                for piece, found in zip(some, logits, strict=True):
                    yield [row], piece, found[None, : len(piece.nodes)]

    def _packs(self, lengths: Sequence[int], nodes: int) -> Iterator[list[int]]:
        """Rows that fit into one pass, at least one."""
        most_rows = max(1, _MOST_LOGITS // (nodes * _words(self._model)))
        pack: list[int] = []
        tokens = 0
        for row, length in enumerate(lengths):
            if pack and (tokens + length + nodes > self._most_tokens or len(pack) == most_rows):
                yield pack
                pack, tokens = [], 0
            pack.append(row)
            tokens += length + nodes
        yield pack

    def _share(self, tokens: TokenIds) -> None:
        """Keep the keys and values of a beginning, until there is another one."""
        if tokens == self._shared:
            return
        cache = self._cache([])
        self._extend(cache, tokens)
        self._layers = [(keys, values) for keys, values, _ in cache] if tokens else []
        self._shared = tokens

    def _cache(self, layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> DynamicCache:
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config)
        for number, (keys, values) in enumerate(layers):
            cache.update(keys, values, number)
        return cache

    def _extend(self, cache: DynamicCache, tokens: TokenIds) -> None:
        for start in range(0, len(tokens), self._most_tokens):
            part = self._tensor([tokens[start : start + self._most_tokens]])
            self._model(input_ids=part, cache=cache, use_cache=True, logits_to_keep=1)

    def _tree_logits(self, suffixes: Sequence[TokenIds], piece: _Piece) -> torch.Tensor:
        """``[prompts, nodes, vocabulary]``."""
        import torch

        cache = self._cache(self._layers)
        before = len(self._shared)
        # The mask of a long prompt would grow with the square of its length.
        early = suffixes[0][: -self._most_tokens] if len(suffixes) == 1 else []
        self._extend(cache, early)
        pack = _pack([suffix[len(early) :] for suffix in suffixes], piece, before + len(early))
        dtype = self._model.dtype
        hidden = self._tensor(~pack.visible)
        mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
        output = self._model(
            input_ids=self._tensor([pack.tokens]),
            attention_mask=mask.masked_fill(hidden, torch.finfo(dtype).min)[None, None],
            position_ids=self._tensor([pack.positions]),
            cache=cache,
            use_cache=True,
            logits_to_keep=self._tensor(pack.kept),
        )
        logits: torch.Tensor = output.logits
        return logits.view(len(suffixes), len(piece.nodes), -1)

    def _plain_logits(self, prompt: TokenIds, pieces: Sequence[_Piece]) -> torch.Tensor:
        """``[pieces, longest piece, vocabulary]``; what a shorter one lacks is filled up."""
        longest = max(len(piece.tokens) for piece in pieces)
        output = self._model(
            input_ids=self._tensor(
                [[*prompt, *piece.tokens, *[0] * (longest - len(piece.tokens))] for piece in pieces]
            ),
            use_cache=False,
            logits_to_keep=self._tensor(range(len(prompt) - 1, len(prompt) + longest)),
        )
        logits: torch.Tensor = output.logits
        return logits

    def _tensor(self, values: ArrayLike) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.asarray(values)).to(self._model.device)

    def _takes_tree(self) -> bool:
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        layers = DynamicCache(config=self._model.config).layers
        if any(type(layer) is not DynamicLayer for layer in layers):
            return False
        trie, prompts = _example(_words(self._model))
        plain = self._measure(prompts, 0, trie, "plain")
        try:
            tree = self._measure(prompts, 6, trie, "tree")
        except Exception:  # noqa: BLE001 - whatever such a model does not take, plain scoring does
            return False
        steps = np.abs(tree[0] - plain[0])
        masses = np.abs(np.log(tree[1]) - np.log(plain[1]))
        rounding = _ROUNDING[str(self._model.dtype).removeprefix("torch.")]
        return bool(max(steps.max(), masses.max()) < rounding)


class _Piece(NamedTuple):
    """Some nodes of a trie, each after the nodes before it.

    Args:
        nodes: Which nodes; the first is node 0.
        tokens: The token of each but the first.
        parents: Where in the piece the node before each but the first stands.
        line: ``[nodes, nodes]``, which nodes stand on the line to each, itself among them.
        meanings: Which meanings of the trie follow the nodes.
        edges: ``[3, E]``: the node, the token and the meaning of each continuation, the first and
            the last by their places in the piece.
    """

    nodes: list[int]
    tokens: TokenIds
    parents: list[int]
    line: NDArray[np.bool_]
    meanings: list[int]
    edges: NDArray[np.int64]


def _cut(trie: LabelTrie, nodes: list[int]) -> _Piece:
    place = {node: number for number, node in enumerate(nodes)}
    parents = [place[trie.parents[node]] for node in nodes[1:]]
    line = np.eye(len(nodes), dtype=np.bool_)
    for number, parent in enumerate(parents, start=1):
        line[number] |= line[parent]
    meanings = [number for number, meaning in enumerate(trie.meanings) if meaning.node in place]
    found = [trie.meanings[number] for number in meanings]
    sizes = [len(meaning.tokens) for meaning in found]
    edges = np.stack(
        [
            np.repeat([place[meaning.node] for meaning in found], sizes),
            np.concatenate([meaning.tokens for meaning in found]),
            np.repeat(np.arange(len(found)), sizes),
        ]
    )
    tokens = [trie.tokens[node] for node in nodes[1:]]
    return _Piece(nodes, tokens, parents, line, meanings, edges)


class _Pack(NamedTuple):
    tokens: NDArray[np.int64]
    positions: NDArray[np.int64]
    kept: NDArray[np.int64]
    visible: NDArray[np.bool_]


def _pack(suffixes: Sequence[TokenIds], piece: _Piece, before: int) -> _Pack:
    """One sequence of prompts, each followed by the nodes, after ``before`` tokens they share."""
    size = sum(len(suffix) + len(piece.tokens) for suffix in suffixes)
    visible = np.zeros((size, before + size), dtype=np.bool_)
    visible[:, :before] = True
    depths = piece.line.sum(axis=1)[1:] - 2
    tokens, positions, kept = [], [], []
    start = 0
    for suffix in suffixes:
        end = start + len(suffix)
        stop = end + len(piece.tokens)
        visible[start:end, before + start : before + end] = np.tri(len(suffix), dtype=np.bool_)
        visible[end:stop, before + start : before + end] = True
        visible[end:stop, before + end : before + stop] = piece.line[1:, 1:]
        tokens += [*suffix, *piece.tokens]
        positions += [np.arange(before, before + len(suffix)), before + len(suffix) + depths]
        kept.append(np.arange(end - 1, stop))
        start = stop
    return _Pack(np.array(tokens), np.concatenate(positions), np.concatenate(kept), visible)


def _probabilities(
    logits: torch.Tensor, piece: _Piece
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-probabilities of the nodes and probabilities of the meanings, a row for each prompt."""
    import torch

    scale = logits.logsumexp(dim=-1)
    nodes, tokens, meanings = torch.from_numpy(piece.edges).to(logits.device)
    chances = (logits[:, nodes, tokens] - scale[:, nodes]).double().exp()
    masses = chances.new_zeros(len(logits), len(piece.meanings)).index_add_(1, meanings, chances)
    steps = (logits[:, piece.parents, piece.tokens] - scale[:, piece.parents]).double()
    return steps.cpu().numpy(), masses.cpu().numpy()


def _words(model: PreTrainedModel) -> int:
    size: int = model.config.get_text_config().vocab_size
    return size


def _compute_head_in_float32(model: PreTrainedModel) -> None:
    """Keep the logits from being rounded to the weights' type, whose steps reach an eighth."""
    import torch

    find: Callable[[], torch.nn.Module | None] = model.get_output_embeddings
    head = find()
    if type(head) is torch.nn.Linear and head.weight.dtype != torch.float32:
        vars(head)["forward"] = partial(_float32_linear, head)


def _float32_linear(head: torch.nn.Linear, hidden: torch.Tensor) -> torch.Tensor:
    import torch

    starts = range(0, len(head.weight), _ROWS_OF_HEAD)
    parts = (head.weight[start : start + _ROWS_OF_HEAD] for start in starts)
    logits = torch.cat([hidden.float() @ part.float().T for part in parts], dim=-1)
    return logits if head.bias is None else logits + head.bias.float()


def _example(vocabulary: int) -> tuple[LabelTrie, list[TokenIds]]:
    """Two prompts that share six tokens, and a trie with two nodes after one."""
    one, two, three, *others = (number * 7919 % vocabulary for number in range(1, 16))
    meanings = tuple(Meaning(node, node % 2, np.array([one, two, three])) for node in range(4))
    prompts = [others[:9], [*others[:6], *others[9:]]]
    return LabelTrie(2, (0, one, two, three), (0, 0, 1, 1), meanings), prompts
