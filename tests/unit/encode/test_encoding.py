"""Encoding: wraps in angle, keeps rows apart, averages over rotations."""

import threading
import time

import numpy as np
import pytest
import timm
import torch
from torch import nn

from morphovote.compute import batches
from morphovote.compute.devices import choose_dtype
from morphovote.encode import encoding, weights
from morphovote.errors import InputError
from morphovote.storage import shards

torch.set_num_threads(1)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A small random network with 64 features, and its card."""
    folder = tmp_path_factory.mktemp("encoder")
    files = folder / "encoder.safetensors", folder / "encoder.json"
    weights.fetch_encoder("test_convnext", "random", 3, *files)
    return weights.load_encoder(*files)


@pytest.fixture
def wrapped(encoder):
    def make(dtype=torch.float32):
        model, _ = encoder
        fresh = timm.create_model("test_convnext", num_classes=0)
        state = {k.replace("conv_dw.conv.", "conv_dw."): v for k, v in model.state_dict().items()}
        fresh.load_state_dict(state)
        return encoding.prepare_model(fresh, CPU, dtype)

    return make


def pictures(count, seed=0):
    """Smooth pictures, circular in angle."""
    rng = np.random.default_rng(seed)
    angle = np.arange(96) * 2 * np.pi / 96
    r = np.linspace(0, 1, 64)[:, None]
    images = np.zeros((count, 64, 96))
    for m in range(4):
        a, phase, scale = rng.uniform((0, 0, 0.1), (1, 6.3, 0.5), (count, 3)).T[:, :, None, None]
        images += a * np.cos(m * angle - phase) * np.exp(-((r / scale) ** 2))
    low, high = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    return ((images - low) / (high - low)).astype(np.float32)


def features(model, card, images, rotations=1, dtype=torch.float32):
    batch = encoding.prepare_input(images, card, dtype)
    return encoding.encode_batch(model, batch, rotations)[: len(images)].numpy()


def spread(values):
    """Typical distance of galaxies from their mean."""
    return np.linalg.norm(values - values.mean(0), axis=1).mean()


def write_polar(path, images, known=None):
    count = len(images)
    angle = np.zeros(count, np.float32)
    if known is not None:
        angle[~known] = np.nan
    rows = {"row": np.arange(count), "id": np.arange(count).astype(str)}
    shards.write_shard(path, {**rows, "image": images, "angle": angle})


def test_wrapped_convolution_is_torchs_circular_one():
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 4, 7, padding=3, groups=4)
    x = torch.randn(2, 4, 6, 9)
    padded = nn.functional.pad(x, (3, 3, 0, 0), mode="circular")
    expected = nn.functional.conv2d(padded, plain.weight, plain.bias, padding=(3, 0), groups=4)
    net = nn.Sequential(plain)
    encoding.wrap_angle(net)
    assert torch.allclose(net(x), expected, atol=1e-6)
    narrow = torch.randn(1, 4, 6, 2)  # narrower than the padding: wraps more than once
    thrice = narrow.repeat(1, 1, 1, 3)
    centre = net(torch.cat([thrice, thrice, thrice], -1))[..., 8:10]
    assert torch.allclose(net(narrow), centre, atol=1e-6)


@pytest.mark.parametrize("name", ["convnext_atto", "convnext_atto_ols", "convnextv2_atto"])
def test_every_padding_convolution_wraps_once(name):
    model = timm.create_model(name, num_classes=0)
    padding = sum(isinstance(m, nn.Conv2d) and m.padding[1] > 0 for m in model.modules())
    encoding.wrap_angle(model)
    encoding.wrap_angle(model)
    wraps = [m for m in model.modules() if isinstance(m, encoding._WrappedConv)]
    assert len(wraps) == padding > 0
    assert not any(isinstance(m, nn.Conv2d) and m.padding[1] > 0 for m in model.modules())


def test_shift_by_the_stride_changes_nothing(wrapped, encoder):
    model, card = wrapped(), encoder[1]
    images = pictures(4)
    one, other = (features(model, card, i) for i in (images, np.roll(images, 32, axis=2)))
    assert np.abs(one - other).max() < 1e-5 * np.abs(one).max()
    # The same network without the wrap does change.
    plain = timm.create_model("test_convnext", num_classes=0).eval()
    state = {k.replace("conv_dw.conv.", "conv_dw."): v for k, v in model.state_dict().items()}
    plain.load_state_dict(state)
    one, other = (features(plain, card, i) for i in (images, np.roll(images, 32, axis=2)))
    assert np.abs(one - other).max() > 1e-3 * np.abs(one).max()


def test_rotations_make_features_independent_of_shift_and_mirror(wrapped, encoder):
    model, card = wrapped(), encoder[1]
    images = pictures(12)
    mirrored = np.roll(images[..., ::-1], 1, axis=2)

    def change(other, rotations):
        one = features(model, card, images, rotations)
        return np.linalg.norm(one - features(model, card, other, rotations), axis=1).mean() / (
            spread(one)
        )

    eighth = np.roll(images, 8, axis=2)
    assert change(eighth, 1) > 1e-3
    assert change(eighth, 4) < 1e-4  # 4 shifts of 8 columns: a shift of 8 permutes them
    assert change(np.roll(images, 3, axis=2), 4) < 0.5 * change(np.roll(images, 3, axis=2), 1)
    assert change(mirrored, 1) > 1e-3
    assert change(mirrored, 2) < 1e-4


@pytest.mark.parametrize("name", ["test_convnext", "convnext_atto_ols", "convnextv2_atto"])
@pytest.mark.parametrize(("rotations", "last_stages"), [(2, 2), (3, 3), (4, 4), (32, 32)])
def test_what_shifts_share_is_computed_once(name, rotations, last_stages):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0)
    model = encoding.prepare_model(model, torch.device("cpu"), torch.float32)
    images = torch.rand(2, 3, 64, 96)
    shifts = [round(k * encoding.STRIDE / rotations) for k in range(rotations)]
    runs = {"stem": 0, "last": 0}

    def count(part):
        def hook(*_):
            runs[part] += 1

        return hook

    model.stem.register_forward_hook(count("stem"))
    model.stages[-1].register_forward_hook(count("last"))
    with torch.inference_mode():
        maps = list(encoding.last_maps(model, images, shifts))
        shared = sum(times * model.forward_head(shown) for shown, times in maps) / rotations
        # A shift by less than the stem's stride is all that the stem does not share.
        assert runs == {"stem": len({s % 4 for s in shifts}), "last": last_stages}
        apart = [model.forward_head(model.forward_features(images.roll(s, -1))) for s in shifts]
    apart = torch.stack(apart).mean(0)
    assert (shared - apart).abs().max() < 1e-5 * apart.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_features_are_the_same_to_the_bit_in_any_company(tmp_path, encoder, dtype):
    images = pictures(50)
    order = np.random.default_rng(1).permutation(50)
    results = []
    for rows in (np.arange(50), order, np.array([41])):
        path = tmp_path / "polar.h5"
        write_polar(path, images[rows])
        name = str(dtype).removeprefix("torch.")
        results.append(encoding.encode_shard(path, *encoder, precision=name))
    together, shuffled, alone = results
    assert np.array_equal(together[order], shuffled)
    assert np.array_equal(together[41:42], alone)
    assert spread(together) > 0


def test_galaxies_without_data_are_nan_and_the_rest_is_not(tmp_path, encoder):
    images = pictures(5)
    known = np.array([True, False, True, True, False])
    images[~known] = 0
    write_polar(tmp_path / "some.h5", images, known)
    write_polar(tmp_path / "only.h5", images[known])
    some = encoding.encode_shard(tmp_path / "some.h5", *encoder)
    arrays = shards.read_shard(tmp_path / "some.h5", ["image", "angle"])
    assert np.array_equal(some, encoding.encode(arrays, *encoder), equal_nan=True)
    assert np.isnan(some[~known]).all()
    assert np.array_equal(some[known], encoding.encode_shard(tmp_path / "only.h5", *encoder))
    assert some.dtype == np.float32


def test_empty_shard(tmp_path, encoder):
    write_polar(tmp_path / "none.h5", np.zeros((0, 64, 96), np.float32))
    assert encoding.encode_shard(tmp_path / "none.h5", *encoder).shape == (0, 64)
    nothing = {"image": np.zeros((0, 64, 96), np.float32), "angle": np.zeros(0)}
    assert encoding.encode(nothing, *encoder).shape == (0, 64)


def test_bfloat16_is_near_float32(wrapped, encoder):
    images = pictures(20)
    exact = features(wrapped(), encoder[1], images)
    coarse = features(wrapped(torch.bfloat16), encoder[1], images, dtype=torch.bfloat16)
    assert 0 < np.linalg.norm(exact - coarse, axis=1).mean() < 0.1 * spread(exact)


def test_precision_auto_follows_the_processor(monkeypatch):
    for able, expected in (
        ({}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert choose_dtype("auto", CPU) is expected
        assert choose_dtype("float32", CPU) is torch.float32
    with pytest.raises(InputError, match=r"encoder\.precision.*'float16'"):
        choose_dtype("float16", CPU)


@pytest.mark.parametrize("rotations", [0, 33])
def test_impossible_rotations_are_refused(wrapped, encoder, rotations):
    with pytest.raises(InputError, match=r"encoder\.rotations"):
        features(wrapped(), encoder[1], pictures(1), rotations)


def test_input_has_the_networks_own_mean_and_deviation():
    card = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.5], "upsample": 1, "planes": "grey"}
    images = pictures(3)
    batch = encoding.prepare_input(images, card, torch.float32)
    assert batch.shape == (encoding.BATCH, 3, 64, 96)
    for channel in range(3):
        expected = (images - card["mean"][channel]) / card["std"][channel]
        assert np.allclose(batch[:3, channel].numpy(), expected, atol=1e-6)


def test_structure_planes_turn_and_mirror_with_the_image_and_show_ripples():
    images = torch.from_numpy(pictures(3))[:, None]
    planes = encoding.structure_planes(images)
    assert planes.shape == (3, 3, 64, 96)
    assert planes.min() >= 0
    assert planes.max() <= 1
    turned = encoding.structure_planes(images.roll(7, -1).flip(-1))
    assert torch.allclose(turned, planes.roll(7, -1).flip(-1), atol=1e-5)
    # A round galaxy has no structure, and a faint two-armed ripple on it is seen as such.
    radius = torch.linspace(0, 1, 64)[:, None]
    angle = torch.arange(96) * (2 * torch.pi / 96)
    ripple = 0.02 * torch.cos(2 * angle + 20 * radius)
    flat = (1 - radius).expand(-1, 96)
    pair = torch.stack([flat, 0.9 * flat + 0.05 + ripple])[:, None]
    round_, spiral = encoding.structure_planes(pair)
    assert torch.allclose(round_[1], torch.tensor(0.5), atol=1e-5)
    assert torch.corrcoef(torch.stack([spiral[1].flatten(), ripple.flatten()]))[0, 1] > 0.99
    assert min(spiral[1].std(), spiral[2].std()) > 1.5 * ripple.std()


def test_upsampled_input_wraps_and_keeps_the_picture():
    card = {"mean": [0.0], "std": [1.0], "upsample": 2, "planes": "grey"}
    images = pictures(2)
    large = encoding.prepare_input(images, card, torch.float32)[:2, 0].numpy()
    assert large.shape == (2, 128, 192)
    assert np.abs(large.reshape(2, 64, 2, 96, 2).mean((2, 4)) - images).max() < 0.02
    turned = encoding.prepare_input(np.roll(images, 11, axis=2), card, torch.float32)[:2, 0]
    assert np.allclose(turned.numpy(), np.roll(large, 22, axis=2), atol=1e-6)


def test_mapping_keeps_order_and_passes_errors_on():
    def slow_at_first(i):
        time.sleep(0.02 / (i + 1))
        return i

    assert list(batches.map_ordered(slow_at_first, iter(range(30)), 3)) == list(range(30))

    def broken():
        yield 1
        raise InputError("the file is bad")

    with pytest.raises(InputError, match="the file is bad"):
        list(batches.map_ordered(abs, broken(), 2))


def test_mapping_reads_ahead_but_not_far_and_stops():
    made = []

    def source():
        for i in range(1000):
            made.append(i)
            yield i

    before = threading.active_count()
    items = batches.map_ordered(abs, source(), 2)
    next(items)
    assert 2 <= len(made) <= 6
    items.close()
    assert threading.active_count() == before


def test_features_do_not_depend_on_the_number_of_threads(tmp_path, encoder):
    write_polar(tmp_path / "polar.h5", pictures(100))
    one, three = (
        encoding.encode_shard(tmp_path / "polar.h5", *encoder, rotations=2, threads=n)
        for n in (1, 3)
    )
    assert np.array_equal(one, three)
    assert spread(one) > 0
    arrays = shards.read_shard(tmp_path / "polar.h5", ["image", "angle"])
    assert np.array_equal(one, encoding.encode(arrays, *encoder, rotations=2, threads=2))
