"""The configuration: every mistake is one sentence, every default is stated."""

import pytest
import yaml
from paths import PLACES, ROOT

from morphovote.config import roles
from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.simulate import survey

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
DEMO = {"fields": {"demo": {"simulate": {"galaxies": 50}}}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the files that the configs below name."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.fits", "b.fits", "a_rms.fits", "b_rms.fits", "cat.csv", "psf.fits"):
        (tmp_path / name).touch()
    return tmp_path


def test_shipped_config_states_the_defaults():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    bare = complete_config({"fields": shipped["fields"]}, SCHEMA, PLACES)
    assert complete_config(shipped, SCHEMA, PLACES) == bare
    stated = {key for key in bare if key in shipped}
    assert stated == set(bare)
    for section, options in bare.items():
        if section != "fields" and isinstance(options, dict):
            assert set(shipped[section]) == set(options)


def test_every_option_is_described_or_obvious():
    schema = yaml.safe_load(SCHEMA.read_text())
    for section in schema["properties"].values():
        for name, option in section.get("properties", {}).items():
            assert "description" in option or name == "seed"


def test_schema_and_table_of_roles_agree():
    definitions = yaml.safe_load(SCHEMA.read_text())["$defs"]
    field = definitions["field"]["properties"]

    def meanings(columns):
        parts = {role: definitions[role] if "$ref" in part else part
                 for role, part in columns["properties"].items()}  # fmt: skip
        return {role: part["description"] for role, part in parts.items()}

    table = {role: about.meaning for role, about in roles.ROLES.items()}
    assert meanings(field["columns"]) == table
    physical = meanings(field["physical"]["properties"]["columns"])
    assert set(physical) == {*roles.MATCHED_BY, *roles.PROPERTIES}
    assert all(physical[role] == table[role] for role in physical if role != "id")
    assert set(roles.SIMULATED_COLUMNS) <= set(table)
    assert set(roles.SIMULATED_COLUMNS.values()) <= set(survey.COLUMNS)


def test_config_is_not_changed():
    config = {"fields": {"demo": {"simulate": {"galaxies": 50}}}}
    complete_config(config, SCHEMA, PLACES)
    assert config == DEMO


def test_simulated_field_looks_like_a_survey():
    field = complete_config(DEMO, SCHEMA, PLACES)["fields"]["demo"]
    assert field["kind"] == "images"
    assert field["catalogue"] == ["results/demo/simulated/catalogue.fits"]
    assert field["simulate"] == {"galaxies": 50, "seed": 1}


def test_images_without_catalogue_are_detected(folder):
    field = complete_config({"fields": {"f": {"images": "[ab].fits"}}}, SCHEMA, PLACES)["fields"][
        "f"
    ]
    assert field["images"] == ["a.fits", "b.fits"]
    assert field["detect"]
    assert field["catalogue"] == ["results/f/detected.fits"]


@pytest.mark.parametrize(
    "config",
    [
        DEMO,
        DEMO | {"voting": {"scheme": "published", "groups": 4}},
        {"fields": {"f": {"images": "[ab].fits", "rms": "[ab]_rms.fits", "zero_point": 25}}},
        {"fields": {"f": {"cutouts": "?.fits", "catalogue": "cat.csv", "columns": {"id": "n"},
                          "physical": {"catalogue": "cat.csv", "columns": {"id": "n"}}}}},
    ],
)  # fmt: skip
def test_what_was_given_repeats_the_run(folder, config):
    complete = complete_config(config, SCHEMA, PLACES)
    (name, field) = next(iter(complete["fields"].items()))
    written = yaml.safe_dump(complete | {"fields": {name: field["given"]}})
    assert complete_config(yaml.safe_load(written), SCHEMA, PLACES) == complete


def test_ready_cutouts_need_no_catalogue(folder):
    field = complete_config({"fields": {"f": {"cutouts": "?.fits"}}}, SCHEMA, PLACES)["fields"]["f"]
    assert (field["kind"], field["detect"], field["catalogue"]) == ("cutouts", False, [])


def test_one_psf_for_all_or_one_for_each(folder):
    def resolve(psf):
        field = {"images": "[ab].fits", "psf": psf}
        return complete_config({"fields": {"f": field}}, SCHEMA, PLACES)["fields"]["f"]

    one, each = resolve("p*.fits[PSF]"), resolve("[ab]_rms.fits[2]")
    assert (one["psf"], one["psf_plane"], one["psfs"]) == (["psf.fits"], ["psf.fits[PSF]"], [])
    assert (each["psf"], each["psf_plane"]) == ([], [])
    assert each["psfs"] == ["a_rms.fits[2]", "b_rms.fits[2]"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fileds": {}}, ["unknown key 'fileds'", "Did you mean fields?"]),
        ({"cutout": {"sise": 100}}, ["cutout", "'sise'", "Did you mean size?"]),
        ({"cutout": {"size": "big"}}, ["cutout.size", "'big'", "integer"]),
        ({"cutout": {"neighbours": "drop"}}, ["cutout.neighbours", "'drop'", "mask, keep"]),
        ({"cutout": {"size": 3}}, ["cutout.size", "3", "32"]),
        (
            {"fields": {"f": {"images": "a.fits", "sky": "dark"}}},
            ["f.sky", "'dark'", "auto"],
        ),
        ({"fields": {"f": {"cutouts": "a.fits", "sky": "auto"}}}, ["fields.f", "sky", "cutouts"]),
        ({"pca": {"components": 1.5}}, ["pca.components", "1.5", "Fraction of the variance"]),
        ({"voting": {"agreement": 0}}, ["voting.agreement"]),
        ({"fields": {}}, ["fields"]),
        ({"fields": {"all": {"simulate": {}}}}, ["'all'", "Rename"]),
        ({"fields": {"a/b": {"simulate": {}}}}, ["'a/b'", "Rename"]),
        ({"fields": {"f": {}}}, ["fields.f"]),
        ({"fields": {"f": {"images": "nowhere*.fits"}}}, ["fields.f.images", "'nowhere*.fits'"]),
        (
            {"fields": {"f": {"psf": "psf.fits"}}},
            ["fields.f", "simulate, images, cutouts and bands"],
        ),
        (
            {"fields": {"f": {"images": "a.fits", "cutouts": "b.fits"}}},
            ["images and cutouts", "exactly one"],
        ),
        (
            {"fields": {"f": {"images": "a.fits", "rms": "a_rms.fits", "weight": "b_rms.fits"}}},
            ["both rms and weight"],
        ),
        (
            {"fields": {"f": {"images": "[ab].fits", "rms": "a_rms.fits"}}},
            ["fields.f.rms", "1 files for 2 images"],
        ),
        ({"fields": {"f": {"images": "a.fits", "psf": "no.fits"}}}, ["fields.f.psf", "'no.fits'"]),
        (
            {"fields": {"f": {"images": "[ab].fits", "psf": "*s*.fits"}}},
            ["fields.f.psf", "3 files for 2 images", "one for each, or one for all"],
        ),
        (
            {"fields": {"f": {"images": "a.fits", "psf_oversampling": 4}}},
            ["fields.f", "psf_oversampling but no psf"],
        ),
        (
            {"fields": {"f": {"images": "a.fits", "columns": {"id": "I"}}}},
            ["columns but no catalogue"],
        ),
        ({"fields": {"f": {"simulate": {}, "psf": "psf.fits"}}}, ["psf together with simulate"]),
        (
            {"fields": {"f": {"images": "a.fits", "select": {"mag": [25]}}}},
            ["fields.f.select.mag"],
        ),
        ({"fields": {"f": {"images": "a.fits", "model": "old/model"}}}, ["old/model", "voters.h5"]),
        ({"encoder": {"weights": "my.safetensors"}}, ["encoder.weights", "'my.safetensors'"]),
        ({"classes": {"names": "names.yaml"}}, ["classes.names", "'names.yaml'"]),
        ({"cutout": {"scaling": "published"}}, ["cutout.scaling", "denoiser.scheme"]),
        (
            {"cutout": {"size": 50}, "denoiser": {"scheme": "published"}},
            ["cutout.size", "50", "multiple of 4"],
        ),
        ({"polar": {"scheme": "published"}}, ["encoder.input", "polar.scheme"]),
        (
            {"encoder": {"input": "published", "rotations": 4}},
            ["encoder.rotations", "4", "expected 1"],
        ),
        (
            {
                "voting": {"scheme": "published"},
                "fields": {"f": {"images": "a.fits", "model": "results/g/model"}},
            },
            ["fields.f.model", "voting.scheme published"],
        ),
    ],
)
def test_mistake_is_one_sentence_that_names_it(folder, change, says):
    with pytest.raises(InputError) as caught:
        complete_config(DEMO | change, SCHEMA, PLACES)
    message = str(caught.value)
    assert message.count("\n") == 0
    for part in says:
        assert part in message


def test_all_mistakes_are_told_at_once(folder):
    field = {"images": "a.fits", "pixel_scale": "3e-2", "pixle_origin": 1, "zero_pt": 25}
    options = {"fields": {"f": field}, "cutout": {"size": 1}, "voting": {"groups": "many"}}
    with pytest.raises(InputError) as error:
        complete_config(options, SCHEMA, PLACES)
    lines = str(error.value).splitlines()
    for part in ("write 0.03", "pixle_origin", "zero_pt", "cutout.size", "voting.groups"):
        assert len([line for line in lines if part in line and line.startswith("config, ")]) == 1
    assert len(lines) == 5
    many = {f"f{n}": {"images": 1} for n in range(9)}
    with pytest.raises(InputError, match="And 3 more: correct these first"):
        complete_config({"fields": many}, SCHEMA, PLACES)


def test_the_files_of_all_fields_are_looked_for(folder):
    fields = {"e": {"images": "c.fits"}, "f": {"images": "a.fits"}, "g": {"cutouts": "d_*.fits"}}
    with pytest.raises(InputError) as error:
        complete_config({"fields": fields}, SCHEMA, PLACES)
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "config, fields.e.images",
        "config, fields.g.cutouts",
    ]


def test_frozen_model_may_be_made_in_the_same_run(folder):
    config = {"fields": {"f": {"images": "a.fits", "model": "results/g/model/"}}}
    assert complete_config(config, SCHEMA, PLACES)["fields"]["f"]["model"] == "results/g/model"


def test_published_config_sets_every_step_and_its_vote_is_unanimous():
    config = yaml.safe_load((ROOT / "config/published.yaml").read_text())
    complete = complete_config(config, SCHEMA, PLACES)
    steps = ("cutout.scaling", "denoiser.scheme", "polar.scheme", "encoder.input", "voting.scheme")
    for section, key in (step.split(".") for step in steps):
        assert complete[section][key] == "published"
    assert (complete["voting"]["voters"], complete["voting"]["agreement"]) == (3, 1.0)
    assert complete["denoiser"]["latent"] == 10_000


def test_files_of_a_download_table_count_as_there(folder):
    listed = [f"tiles/{t}_{kind}.fits,https://x.org/{t}_{kind}.fits.gz," for t in (1, 2)
              for kind in ("sci", "wht")]  # fmt: skip
    listed += ["tiles/cat.fits,https://x.org/cat.fits,", "tiles/deep/3_sci.fits,https://x.org/3,"]
    (folder / "files.csv").write_text("\n".join(["file,url,sha256", *listed]))
    (folder / "tiles").mkdir()
    (folder / "tiles/0_sci.fits").touch()
    field = {"download": "files.csv", "images": "tiles/[12]_sci.fits",
             "weight": "tiles/*_wht.fits", "catalogue": "tiles/cat.fits"}  # fmt: skip
    resolved = complete_config({"fields": {"f": field}}, SCHEMA, PLACES)["fields"]["f"]
    assert resolved["images"] == ["tiles/1_sci.fits", "tiles/2_sci.fits"]
    assert resolved["weight"] == ["tiles/1_wht.fits", "tiles/2_wht.fits"]
    assert resolved["catalogue"] == ["tiles/cat.fits"]
    assert set(resolved["downloads"].values()) == {"files.csv"}
    # What lies there already counts too, and folders below do not.
    both = field | {"images": "tiles/*_sci.fits", "weight": "tiles/[12]_wht.fits"}
    with pytest.raises(InputError, match="found 2 files for 3 images"):
        complete_config({"fields": {"f": both}}, SCHEMA, PLACES)
    with pytest.raises(InputError, match=r"no file matches 'other/\*\.fits'"):
        complete_config({"fields": {"f": field | {"images": "other/*.fits"}}}, SCHEMA, PLACES)
    (folder / "files.csv").write_text("file,url\n")
    with pytest.raises(
        InputError, match=r"fields\.f\.download: files\.csv: has no column 'sha256'"
    ):
        complete_config({"fields": {"f": field}}, SCHEMA, PLACES)


@pytest.mark.parametrize("name", ["cosmos", "cosmos_published"])
def test_cosmos_config_names_a_weight_for_every_tile(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    field = complete_config(config, SCHEMA, PLACES)["fields"][name]
    tiles = [path.replace("_sci", "_wht") for path in field["images"]]
    assert len(tiles) == 81
    assert field["weight"] == tiles
    assert set(field["images"] + field["weight"] + field["catalogue"]) == set(field["downloads"])
    assert field["select"]["mag"] == [None, 25]
    assert field["select"]["redshift"] == [0.2, 1.2]


@pytest.mark.parametrize(
    ("entry", "scaling", "sky", "sky_of_cutouts"),
    [
        ({"images": "a.fits"}, "flux", "auto", "auto"),
        ({"images": "a.fits", "sky": {"mesh": 128}}, "flux", {"mesh": 128}, {"mesh": 128}),
        ({"simulate": {}, "sky": "none"}, "flux", "none", "none"),
        ({"cutouts": "[ab].fits"}, "flux", None, None),
        ({"images": "a.fits"}, "published", "auto", None),
        ({"images": "a.fits", "sky": "none"}, "published", "none", None),
    ],
)
def test_the_sky_is_of_the_images_where_there_are_any(folder, entry, scaling, sky, sky_of_cutouts):
    config = {"fields": {"f": entry}, "cutout": {"scaling": scaling}}
    if scaling == "published":
        published = {"scheme": "published"}
        config |= {"denoiser": published | {"latent": 40}, "polar": published}
        config |= {"encoder": {"input": "published", "rotations": 1}}
    field = complete_config(config, SCHEMA, PLACES)["fields"]["f"]
    assert (field["sky"], field["sky_of_cutouts"]) == (sky, sky_of_cutouts)
    assert "sky" not in field["given"] or field["given"]["sky"] == sky


def test_labels_may_be_several_files_but_none_that_the_workflow_writes(folder):
    for name in ("ann.csv", "bob.csv"):
        (folder / f"labels_{name}").touch()
    given = {"fields": {"demo": {"simulate": {"galaxies": 50}, "labels": "labels_*.csv"}}}
    resolved = complete_config(given, SCHEMA, PLACES)["fields"]["demo"]
    assert resolved["labels"] == ["labels_ann.csv", "labels_bob.csv"]
    listed = folder / "results/demo/to_label.csv"
    listed.parent.mkdir(parents=True)
    listed.touch()
    given["fields"]["demo"]["labels"] = "results/demo/to_label.csv"
    with pytest.raises(InputError, match="Copy it elsewhere"):
        complete_config(given, SCHEMA, PLACES)


def test_the_former_name_of_labels_says_what_to_write(folder):
    given = {"fields": {"demo": {"simulate": {"galaxies": 50}, "checked": "eye.csv"}}}
    with pytest.raises(InputError, match=r"Write labels: eye.csv, .* column RANDOM"):
        complete_config(given, SCHEMA, PLACES)
