"""Encoder files: random, local, and from a stand-in for the hub."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from servers import serving

from morphovote.encode import weights as encoder_weights
from morphovote.encode.weights import fetch_encoder, load_encoder
from morphovote.errors import InputError

torch.set_num_threads(1)
SCRIPTS = Path(encoder_weights.__file__).resolve().parents[2]


def fetch(folder, name="test_convnext", weights="random", seed=0):
    folder.mkdir(exist_ok=True)
    files = folder / "encoder.safetensors", folder / "encoder.json"
    card = fetch_encoder(name, str(weights), seed, *files, waits=())
    return files, card


def test_random_is_seeded_and_fully_described(tmp_path):
    (weights, path), card = fetch(tmp_path / "a", "convnext_atto", seed=4)
    assert json.loads(path.read_text()) == card
    assert card["features"] == 320
    assert card["weights"] == "random"
    assert "seed 4" in card["source"]
    assert len(card["mean"]) == len(card["std"]) == card["channels"] == 3
    assert card["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert {"name", "licence", "interpolation", "upsample"} <= card.keys()
    state = torch.random.get_rng_state()
    assert fetch(tmp_path / "b", "convnext_atto", seed=4)[1] == card
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's dice are touched
    assert fetch(tmp_path / "c", "convnext_atto", seed=5)[1]["sha256"] != card["sha256"]
    assert sorted(p.name for p in tmp_path.glob("a/*")) == ["encoder.json", "encoder.safetensors"]


def test_blocks_of_a_random_network_have_a_say(tmp_path):
    model, _ = load_encoder(*fetch(tmp_path)[0])
    x = torch.randn(2, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    block = model.stages[0].blocks[0]
    x = x[:, : block.conv_dw.in_channels]
    with torch.inference_mode():
        assert (block(x) - x).std() > 0.03 * x.std()


def test_loaded_network_gives_pooled_features(tmp_path):
    model, card = load_encoder(*fetch(tmp_path)[0])
    assert not model.training
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 64, 96)).shape == (2, card["features"])


def test_weights_that_are_not_the_cards_are_refused(tmp_path):
    (weights, _), _ = fetch(tmp_path / "a")
    (_, card), _ = fetch(tmp_path / "b", seed=1)
    with pytest.raises(InputError, match="sha256"):
        load_encoder(weights, card)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "nonsense"])
@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_other_networks_are_refused(tmp_path, name, weights):
    with pytest.raises(InputError, match=rf"encoder\.name: found '{name}', expected a ConvNeXt"):
        fetch(tmp_path, name, weights)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_unknown_tag_is_refused_with_those_there_are(tmp_path, weights):
    with pytest.raises(InputError, match=r"convnext_atto\.d2_in1k"):
        fetch(tmp_path, "convnext_atto.moon", weights)


def test_hub_name_needs_pretrained(tmp_path):
    with pytest.raises(InputError, match="Only weights 'pretrained'"):
        fetch(tmp_path, "hf-hub:someone/something")


def test_local_file_keeps_everything_its_header_says(tmp_path):
    (weights, _), first = fetch(tmp_path / "a", seed=7)
    _, second = fetch(tmp_path / "b", weights=weights)
    assert second["weights"] == "file"
    assert second["file_sha256"] == first["sha256"], "tells which file it was made from"
    card = tmp_path / "b/encoder.json"
    assert card.with_suffix(".safetensors").stat().st_mode == card.stat().st_mode
    same = first.keys() - {"weights", "sha256"}
    assert {k: first[k] for k in same} == {k: second[k] for k in same}
    one, two = (load_file(tmp_path / f / "encoder.safetensors") for f in "ab")
    assert all(torch.equal(one[k], two[k]) for k in one)


def test_plain_local_file_with_a_classifier_is_taken_at_the_models_own_config(tmp_path):
    (weights, _), _ = fetch(tmp_path / "a", "convnext_atto")
    state = load_file(weights)
    state |= {"head.fc.weight": torch.zeros(10, 320), "head.fc.bias": torch.zeros(10)}
    save_file(state, tmp_path / "mine.safetensors")
    _, card = fetch(tmp_path / "b", "convnext_atto", tmp_path / "mine.safetensors")
    assert card["mean"] == [0.485, 0.456, 0.406]
    assert card["upsample"] == 2
    assert card["features"] == 320


def test_grey_network_gets_one_channel(tmp_path):
    (weights, _), _ = fetch(tmp_path / "a", "convnext_atto")
    state = load_file(weights)
    state["stem.0.weight"] = state["stem.0.weight"].sum(1, keepdim=True)
    save_file(state, tmp_path / "grey.safetensors")
    files, card = fetch(tmp_path / "b", "convnext_atto", tmp_path / "grey.safetensors")
    assert card["channels"] == len(card["mean"]) == 1
    assert load_encoder(*files)[0](torch.zeros(1, 1, 64, 96)).shape == (1, 320)


def test_file_of_another_network_is_refused(tmp_path):
    (weights, _), _ = fetch(tmp_path / "a")
    with pytest.raises(InputError, match=r"holds a test_convnext.*is 'convnext_atto'"):
        fetch(tmp_path / "b", "convnext_atto", weights)
    save_file(load_file(weights), tmp_path / "anonymous.safetensors")
    with pytest.raises(InputError, match=r"do not fit a convnext_atto: .*first of \d\d"):
        fetch(tmp_path / "b", "convnext_atto", tmp_path / "anonymous.safetensors")


def test_incomplete_file_is_refused(tmp_path):
    (weights, _), _ = fetch(tmp_path / "a")
    state = load_file(weights)
    state.pop("stages.1.blocks.0.conv_dw.weight")
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(InputError, match=r"lacks 'stages\.1\.blocks\.0\.conv_dw\.weight'"):
        fetch(tmp_path / "b", weights=tmp_path / "part.safetensors")


@pytest.mark.parametrize("content", [None, b"not safetensors", b"\x80\x04."])
def test_file_that_is_missing_or_something_else(tmp_path, content):
    path = tmp_path / "file.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.pth"):
        fetch(tmp_path / "out", weights=path)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as serves files: HEAD and GET of resolve/, and errors to order."""

    files: dict[str, bytes]
    failures: list[int]
    asked: list[str]
    silent: set[str]  # paths that are never answered
    stalled: set[str]  # paths whose files never come to their end

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        if "/resolve/" not in self.path:
            self.reply(404, {"Content-Length": "0"})
            return
        self.asked.append(f"{self.command} {self.path}")
        if body and self.failures:
            self.reply(self.failures.pop(0), {})
            return
        if self.path in self.silent:
            time.sleep(5)
            return
        for path, content in self.files.items():
            if self.path == path:
                headers = {
                    "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                    "X-Repo-Commit": "0" * 40,
                    "Content-Length": str(len(content)),
                }
                if body and self.path in self.stalled:
                    self.reply(200, headers, content[: len(content) // 2])
                    time.sleep(5)
                    return
                self.reply(200, headers, content if body else b"")
                return
        repository = "/".join(self.path.split("/")[:3])
        known = any(path.startswith(repository + "/") for path in self.files)
        code = "EntryNotFound" if known else "RepoNotFound"
        self.reply(404, {"X-Error-Code": code, "Content-Length": "0"})

    def reply(self, status, headers, content=b""):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """A stand-in hub; `hub.run(name, ...)` fetches from it in a fresh process."""
    handler = type(
        "Handler",
        (Hub,),
        {"files": {}, "failures": [], "asked": [], "silent": set(), "stalled": set()},
    )
    with serving(handler) as handler.url:
        handler.run = staticmethod(
            lambda *names, waits=(0, 0): run(handler.url, tmp_path, names, waits)
        )
        yield handler


def run(url, folder, names, waits):
    """Fetch in a process of its own, since the hub's address is read at import."""
    code = (
        "import sys\n"
        "from morphovote.encode.weights import fetch_encoder\n"
        "from morphovote.errors import InputError\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        f"        fetch_encoder(name, 'pretrained', 0, 'e.safetensors', 'e.json', {waits})\n"
        "    except InputError as error:\n"
        "        print(f'InputError: {error}')\n"
        "    else:\n"
        "        print('fetched')\n"
    )
    settings = {
        **{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        "PYTHONPATH": str(SCRIPTS),
        "HF_ENDPOINT": url,
        "HF_HOME": str(folder / "cache"),
        "HF_HUB_ETAG_TIMEOUT": "2",
        "HF_HUB_DOWNLOAD_TIMEOUT": "1",
        "HF_HUB_DISABLE_XET": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=folder, env=settings, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def atto(tmp_path_factory):
    """A convnext_atto as the hub has it: with a classifier, and no header of ours."""
    (weights, _), _ = fetch(tmp_path_factory.mktemp("atto"), "convnext_atto", seed=11)
    state = load_file(weights)
    state |= {"head.fc.weight": torch.zeros(1000, 320), "head.fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("hub") / "model.safetensors"
    save_file(state, path)
    return path.read_bytes()


TIMM = "/timm/convnext_atto.d2_in1k/resolve/main/"


def test_pretrained_comes_from_the_hub_after_failures_and_then_from_the_cache(hub, atto, tmp_path):
    hub.files[TIMM + "model.safetensors"] = atto
    hub.failures[:] = [500, 503]
    assert hub.run("convnext_atto", "convnext_atto").stdout == "fetched\nfetched\n"
    assert sum(asked.startswith("GET") for asked in hub.asked) == 3
    card = json.loads((tmp_path / "e.json").read_text())
    assert card["source"] == f"{hub.url}/timm/convnext_atto.d2_in1k"
    assert card["licence"] == "apache-2.0"
    assert card["mean"] == [0.485, 0.456, 0.406]
    assert card["upsample"] == 2
    stem = load_encoder(tmp_path / "e.safetensors", tmp_path / "e.json")[0].stem[0].weight
    original = tmp_path / "original.safetensors"
    original.write_bytes(atto)
    assert torch.equal(stem, load_file(original)["stem.0.weight"])


def test_hub_name_brings_its_own_config(hub, atto, tmp_path):
    config = {
        "architecture": "convnext_atto",
        "num_classes": 0,
        "pretrained_cfg": {
            "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear",
            "license": "cc-by-4.0", "input_size": [3, 224, 224],
        },
    }  # fmt: skip
    root = "/someone/galaxies/resolve/main/"
    hub.files[root + "config.json"] = json.dumps(config).encode()
    hub.files[root + "model.safetensors"] = atto
    assert hub.run("hf-hub:someone/galaxies").stdout == "fetched\n"
    card = json.loads((tmp_path / "e.json").read_text())
    assert card["architecture"] == "convnext_atto"
    assert card["licence"] == "cc-by-4.0"
    assert card["mean"] == [0.1, 0.2, 0.3]
    assert card["interpolation"] == "bilinear"
    load_encoder(tmp_path / "e.safetensors", tmp_path / "e.json")
    # What was fetched where there is network serves as a local file where there is none.
    _, again = fetch(tmp_path / "b", "convnext_atto", tmp_path / "e.safetensors")
    assert again["mean"] == card["mean"]
    assert again["source"] == card["source"]


def test_what_the_hub_cannot_give_is_told_at_once(hub, tmp_path):
    config = {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 224, 224]}}
    hub.files["/someone/other/resolve/main/config.json"] = json.dumps(config).encode()
    hub.files[TIMM + "README.md"] = b"no weights here"
    told = hub.run("hf-hub:someone/other", "hf-hub:nobody/nothing", "convnext_atto").stdout
    other, nothing, empty = told.split("InputError: ")[1:]
    assert other.startswith("config encoder.name: found 'resnet18', expected a ConvNeXt")
    assert f"{hub.url} has no 'nobody/nothing'" in nothing
    assert "'timm/convnext_atto.d2_in1k'" in empty
    assert "lacks a file" in empty
    assert all(len(message.strip().splitlines()) <= 3 for message in (other, nothing, empty))
    assert sum("nobody" in asked for asked in hub.asked) == 1  # in vain a second time
    assert not list(tmp_path.glob("e.*"))


def test_hub_that_sends_rubbish_is_told_and_not_kept(hub, atto, tmp_path):
    page = b"<html>Please log in to the network of this hotel</html>"
    config = {"architecture": "convnext_atto", "pretrained_cfg": {"input_size": [3, 224, 224]}}
    root = "/{}/resolve/main/{}".format
    hub.files |= {
        root("a/config", "config.json"): page,
        root("a/list", "config.json"): b"[1, 2]",
        root("a/weights", "config.json"): json.dumps(config).encode(),
        root("a/weights", "model.safetensors"): page,
    }
    told = hub.run("hf-hub:a/config", "hf-hub:a/list", "hf-hub:a/weights").stdout
    messages = told.split("InputError: ")[1:]
    said = (
        "config.json of 'a/config'",
        "config.json of 'a/list'",
        "model.safetensors of 'a/weights'",
    )
    for message, says in zip(messages, said, strict=True):
        assert says in message
        assert hub.url in message
        assert len(message.strip().splitlines()) <= 3
    assert not list(tmp_path.glob("e.*"))
    # The hotel's page is gone: the next start gets the real thing.
    hub.files[root("a/weights", "model.safetensors")] = atto
    assert hub.run("hf-hub:a/weights").stdout == "fetched\n"


def test_hub_that_is_slow_is_given_up_in_time(hub, atto, tmp_path):
    config = {"architecture": "convnext_atto", "pretrained_cfg": {"input_size": [3, 224, 224]}}
    root = "/{}/resolve/main/{}".format
    hub.files |= {
        root("a/silent", "config.json"): b"{}",
        root("a/stalled", "config.json"): json.dumps(config).encode(),
        root("a/stalled", "model.safetensors"): atto,
    }
    hub.silent.add(root("a/silent", "config.json"))
    hub.stalled.add(root("a/stalled", "model.safetensors"))
    # The client itself asks five times, and waits longer each time.
    told = hub.run("hf-hub:a/silent", "hf-hub:a/stalled", waits=()).stdout
    messages = told.split("InputError: ")[1:]
    for message, name in zip(messages, ("a/silent", "a/stalled"), strict=True):
        assert f"could not be reached for '{name}' in 1 attempts" in message
    assert not list(tmp_path.glob("e.*"))


def test_unreachable_hub_says_what_was_tried_and_what_to_do(tmp_path, monkeypatch):
    attempts = []

    def fail(*_, **__):
        attempts.append(1)
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(encoder_weights, "hf_hub_download", fail)
    files = tmp_path / "e.safetensors", tmp_path / "e.json"
    with pytest.raises(InputError) as caught:
        fetch_encoder("convnext_atto", "pretrained", 0, *files, waits=(0, 0))
    assert len(attempts) == 3
    for part in (constants.ENDPOINT, "timm/convnext_atto.d2_in1k", "3 attempts", "bundled"):
        assert part in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert not list(tmp_path.iterdir())
