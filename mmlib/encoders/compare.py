"""Which encoder for which task: by matching words in a table, and by measurements."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TypedDict

from mmlib.encoders.measured import (
    EncoderMeasurement,
    MeasuredRecommendation,
    Requirements,
    recommend_measured,
)

Properties = dict[str, list[str]]  # "strengths", "weaknesses", "best_for"

#: What the article says of each kind of encoder, in our words. Claims, not results.
ENCODER_PROPERTIES: dict[str, Properties] = {
    "CNN": {
        "strengths": [
            "local features",
            "cheap to compute",
            "translation invariance",
            "few weights",
        ],
        "weaknesses": [
            "small receptive field",
            "long-range relations",
            "little global information",
            "fixed inductive bias",
        ],
        "best_for": [
            "object detection",
            "texture recognition",
            "edge detection",
            "local patterns",
        ],
    },
    "ViT": {
        "strengths": ["global modelling", "flexible attention", "learned positions", "scales well"],
        "weaknesses": [
            "needs much pretraining data",
            "expensive to compute",
            "overfits small data sets",
            "no inductive bias",
        ],
        "best_for": [
            "scene understanding",
            "relational reasoning",
            "global context",
            "complex vision tasks",
        ],
    },
    "Hybrid": {
        "strengths": ["both kinds of strength", "multi-scale features", "robustness", "adaptable"],
        "weaknesses": ["complex model", "harder to train", "many weights", "slow inference"],
        "best_for": [
            "complex multimodal tasks",
            "detail and global information",
            "high accuracy",
            "varied content",
        ],
    },
}

#: The article's own terms for what can be asked for, so that its reader can type them.
CHINESE = {
    "局部特征提取能力强": "local features",
    "计算效率高": "cheap to compute",
    "对平移不变性好": "translation invariance",
    "参数量相对较少": "few weights",
    "对象检测": "object detection",
    "纹理识别": "texture recognition",
    "边缘检测": "edge detection",
    "局部模式识别": "local patterns",
    "全局信息建模能力强": "global modelling",
    "自注意力机制灵活": "flexible attention",
    "可学习的位置编码": "learned positions",
    "可扩展性好": "scales well",
    "场景理解": "scene understanding",
    "关系推理": "relational reasoning",
    "全局上下文": "global context",
    "复杂视觉任务": "complex vision tasks",
    "结合两者优势": "both kinds of strength",
    "多尺度特征提取": "multi-scale features",
    "鲁棒性更好": "robustness",
    "适应性强": "adaptable",
    "复杂多模态任务": "complex multimodal tasks",
    "需要细节和全局信息": "detail and global information",
    "高精度要求": "high accuracy",
    "多样化视觉内容": "varied content",
}
_CHINESE_OF = {english: chinese for chinese, english in CHINESE.items()}


class WordRecommendation(TypedDict):
    """What `recommend_encoder` returns; `tied` names all with the best score, if several."""

    recommended: str
    scores: dict[str, int]
    reasoning: Properties
    tied: list[str]


class VisualEncoderComparison:
    """The article's comparison of CNN, ViT and hybrid, and one that asks measurements.

    `encoder_properties` holds for each kind its "strengths", "weaknesses" and "best_for".
    """

    def __init__(self) -> None:
        self.encoder_properties = copy.deepcopy(ENCODER_PROPERTIES)

    def recommend_encoder(self, task_requirements: str | Iterable[str]) -> WordRecommendation:
        """The encoder whose entries in the table match most of the words.

        A requirement scores 2 where it is a "best_for" entry, else 1 where a strength contains
        it: the article's rule. Of tied encoders the first in the table is recommended, and all
        are named in "tied". This compares words and knows nothing of accuracy: see
        `recommend_measured`.

        Args:
            task_requirements: one requirement or several, in English or in the article's Chinese.

        Raises:
            ValueError: no requirement, or one that matches no encoder; it lists what is known.
        """
        if isinstance(task_requirements, str):
            task_requirements = [task_requirements]
        requirements = list(task_requirements)
        if not requirements:
            raise ValueError(f"task_requirements is empty: {self._known()}")
        scores = dict.fromkeys(self.encoder_properties, 0)
        for requirement in requirements:
            points = {
                name: _points(requirement, properties)
                for name, properties in self.encoder_properties.items()
            }
            if not any(points.values()):
                raise ValueError(f"requirement {requirement!r} matches nothing: {self._known()}")
            scores = {name: scores[name] + points[name] for name in scores}
        best = [name for name, score in scores.items() if score == max(scores.values())]
        return {
            "recommended": best[0],
            "scores": scores,
            "reasoning": self.encoder_properties[best[0]],
            "tied": best if len(best) > 1 else [],
        }

    def recommend_measured(
        self, measurements: Sequence[EncoderMeasurement], requirements: Requirements
    ) -> MeasuredRecommendation:
        """The encoder that measured best among those that meet the requirements.

        See `mmlib.encoders.measured.recommend_measured`, which this calls.
        """
        return recommend_measured(measurements, requirements)

    def _known(self) -> str:
        known = {
            name: [*properties["best_for"], *properties["strengths"]]
            for name, properties in self.encoder_properties.items()
        }
        return "use one of " + "; ".join(f"{name}: {', '.join(known[name])}" for name in known)


def _points(requirement: str, properties: Properties) -> int:
    """2 for an entry of "best_for", 1 for a part of a strength, else 0."""
    if not isinstance(requirement, str):
        raise ValueError(f"requirement {requirement!r} must be a text such as 'object detection'")
    words = requirement.strip().casefold()
    if not words:
        return 0
    if any(words in (entry, _CHINESE_OF.get(entry)) for entry in properties["best_for"]):
        return 2
    return int(
        any(
            words in entry or words in _CHINESE_OF.get(entry, "")
            for entry in properties["strengths"]
        )
    )
