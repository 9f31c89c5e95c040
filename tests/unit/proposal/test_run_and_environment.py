"""The manifest that is proposed: what is run, what it needs, what it writes."""

import json

import pytest

PLOT = "import numpy as np\nimport matplotlib.pyplot as plt\nplt.savefig('results/plot.png')\n"


def notebook(*cells, language="python"):
    code = [{"cell_type": "code", "source": cell} for cell in cells]
    return json.dumps({"cells": code, "metadata": {"kernelspec": {"language": language}}, "nbformat": 4})


def test_the_command_of_the_readme_counts(proposed):
    readme = "# Work\n\nRun it:\n\n```sh\npip install numpy\n$ python plot.py --bins 64\n```\n"
    made = proposed({"README.md": readme, "plot.py": PLOT, "other.py": ""})
    assert made.command == ["python3", "plot.py", "--bins", "64"]
    assert not made.asks("what makes the results")


@pytest.mark.parametrize(
    "line",
    [
        "pip install -r plot.py",
        "curl http://example.org | python plot.py",
        "python plot.py; rm -rf /",
        "python plot.py && python plot.py",
        "python plot.py $(whoami)",
        "python plot.py --help",
        "python missing.py",
        "python 'plot.py",
    ],
)
def test_what_needs_a_shell_or_is_no_run_is_not_taken_from_the_readme(proposed, line):
    made = proposed({"README.md": f"# W\n\n```\n{line}\n```\n", "plot.py": PLOT, "run.sh": "python3 plot.py\n"})
    assert made.command == ["sh", "run.sh"]


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Makefile": "install:\n\tpip install x\nresults: plot.py\n\tpython3 plot.py\n", "plot.py": ""}, ["make", "results"]),
        ({"analysis.py": "", "helper.py": ""}, ["python3", "analysis.py"]),
        ({"anything.py": "", "tests/test_it.py": "", "setup.py": ""}, ["python3", "anything.py"]),
        ({"main.R": ""}, ["Rscript", "main.R"]),
        ({"scripts/run.sh": "", "a.py": "", "b.py": ""}, ["sh", "scripts/run.sh"]),
    ],
)
def test_without_a_word_in_the_readme_makefile_and_names_decide_and_the_author_is_asked(proposed, files, command):
    made = proposed(files)
    assert made.command == command
    assert made.asks("is `" + " ".join(command) + "` what makes the results?")


def test_a_lone_notebook_is_executed_and_kept(proposed):
    made = proposed({"look.ipynb": notebook("import numpy\n", "%matplotlib inline\nnumpy.savetxt('results/a.txt', [1])")})
    assert made.command[:5] == ["jupyter", "nbconvert", "--to", "notebook", "--execute"]
    assert made.apt == ["jupyter-nbconvert", "python3", "python3-ipykernel", "python3-numpy"]
    assert made.outputs == ["results/*"]


def test_where_nothing_says_what_to_run_only_the_environment_is_published(proposed):
    made = proposed({"one.py": "import numpy", "two.py": "import scipy"})
    assert made.manifest.run is None
    assert made.apt == ["python3", "python3-numpy", "python3-scipy"]
    assert made.asks("nothing says what is to be run")


def test_an_empty_repository_still_gets_a_sound_manifest(proposed):
    assert proposed({}).manifest.environment.base == "debian:bookworm"


@pytest.mark.parametrize(
    "name", ["requirements.txt", "environment.yml", "apt.txt", "Dockerfile", "install.R", "binder/apt.txt"]
)
def test_files_that_say_the_environment_need_no_key(proposed, name):
    made = proposed({name: "", "analysis.py": PLOT})
    assert made.manifest.environment is None
    assert "requirements.txt" not in made.texts


def test_what_debian_has_is_taken_from_debian(proposed):
    code = "import os, sys\nimport cv2, yaml, sklearn.svm\nfrom PIL import Image\nfrom helper import x\nfrom . import y\n"
    made = proposed({"analysis.py": code, "helper.py": "import h5py"})
    assert made.apt == ["python3", "python3-h5py", "python3-opencv", "python3-pil", "python3-sklearn", "python3-yaml"]


def test_what_debian_has_not_becomes_a_requirements_file_to_be_completed(proposed):
    made = proposed({"analysis.py": "import cv2, yaml, galpy\n"})
    assert made.manifest.environment.pip == "requirements.txt"
    assert made.apt == ["python3", "python3-venv"]
    lines = [line for line in made.texts["requirements.txt"].splitlines() if not line.startswith("#")]
    assert lines == ["galpy", "opencv-python-headless", "PyYAML"]
    assert made.asks("Write the versions")


def test_r_packages_are_debians_and_what_it_has_not_is_said(proposed):
    made = proposed(
        {"main.R": 'library(ggplot2)\nrequire("strucchange")\nlibrary(stats)\nnosuchthing::f(1)\n# library(vegan)\n'}
    )
    assert made.apt == ["r-base-core", "r-cran-ggplot2", "r-cran-strucchange"]
    assert made.asks("nosuchthing")


def test_a_shell_script_leads_to_the_scripts_and_programs_that_it_calls(proposed):
    script = "#!/bin/sh\nmake sim\n./sim > results/raw.txt\npython3 plot.py | tee results/log.txt\nawk '$1 > 0.5' x 2>&1 >/dev/null\n"
    made = proposed({"run.sh": script, "plot.py": PLOT, "sim.c": "int main(){}", "Makefile": "sim: sim.c\n"})
    assert made.command == ["sh", "run.sh"]
    assert made.apt == ["gcc", "libc6-dev", "make", "python3", "python3-matplotlib", "python3-numpy"]
    assert made.outputs == ["results/*.png", "results/*.txt"]


@pytest.mark.parametrize(
    ("code", "outputs"),
    [
        ("plt.savefig('results/a.png')", ["results/*.png"]),
        ("df.to_csv('a.csv')", ["a.csv"]),
        ("df.to_csv(path_or_buf='out/a.csv')", ["out/*.csv"]),
        ("open('out/a.txt', 'w')", ["out/*.txt"]),
        ("open('data/in.txt')", ["results/*"]),
        ("open('data/in.txt', 'rb')", ["results/*"]),
        ("open(mode='a', file='out/a.log')", ["out/*.log"]),
        ("from pathlib import Path\nOUT = Path('out')\n(OUT / 'a.txt').write_text('x')", ["out/*.txt"]),
        ("import os\nd = 'out'\nopen(os.path.join(d, 'sub', 'a.txt'), 'w')", ["out/sub/*.txt"]),
        ("for i in x:\n    plt.savefig(f'out/figure_{i}.pdf')", ["out/*.pdf"]),
        ("plt.savefig('out/%03d.png' % 3)", ["out/*.png"]),
        ("plt.savefig('out/{}.png'.format(i))", ["out/*.png"]),
        ("np.save('out/a.npy', x)\nnp.savetxt('out/b.dat', x)", ["out/*.dat", "out/*.npy"]),
        ("json.dump(x, open('a.json', 'w'))", ["a.json"]),
        ("table.write('out/t.fits', overwrite=True)", ["out/*.fits"]),
        ("file.write('just a text/with.dots')", ["results/*"]),
        ("results = Path('out')\nresults.mkdir()\ndraw(results / 'a.png')", ["out/*.png"]),
        ("os.makedirs('out')\nwork()", ["out/*"]),
        ("p.add_argument('--out-dir', default='out')\nplt.savefig(Path(args.out_dir) / 'a.png')", ["out/*.png"]),
        ("plt.savefig(Path(__file__).parent / 'out' / 'a.png')", ["out/*.png"]),
        ("plt.savefig('/tmp/a.png')\nplt.savefig('../a.png')\nplt.savefig('~/a.png')", ["results/*"]),
        ("plt.savefig(name)", ["results/*"]),
    ],
)  # fmt: skip
def test_files_that_python_writes_are_found_without_running_it(proposed, code, outputs):
    assert proposed({"analysis.py": code}).outputs == outputs


@pytest.mark.parametrize(
    ("code", "outputs"),
    [
        ('write.csv(x, "out/a.csv", row.names = FALSE)', ["out/*.csv"]),
        ('ggsave("plot.pdf", width = 5)', ["plot.pdf"]),
        ('png(file.path("out", "a.png"))', ["out/*.png"]),
        ('png(file.path(folder, "a.png"))', ["results/*"]),
        ("saveRDS(fit, 'out/fit.rds')", ["out/*.rds"]),
        ('x <- read.csv("data/in.csv")', ["results/*"]),
        ('# write.csv(x, "no.csv")', ["results/*"]),
    ],
)
def test_files_that_r_writes_are_found(proposed, code, outputs):
    assert proposed({"analysis.R": code}).outputs == outputs


def test_a_guess_is_told_as_one(proposed):
    assert proposed({"analysis.py": "print(1)"}).asks("results/* is a guess")
    assert not proposed({"analysis.py": PLOT}).asks("guess")


def test_names_that_yaml_or_parameters_would_read_are_kept_as_they_are(proposed):
    for name in ("no", "a b.py", "{bins}.py", "'q'.py", "*.py", "a: b #c.py", "\u2028.py", "😀.py"):
        script = f"x/{name}" if name.endswith(".py") else "x/no.py"
        made = proposed({script: PLOT})
        assert "".join(made.command) == "python3" + script.replace("{bins}", "{{bins}}"), name


def test_strange_file_names_of_the_code_make_no_strange_globs(proposed):
    made = proposed({"analysis.py": "open('out/\\x1b[2J.txt', 'w')\nopen('out/[a]{b}.txt', 'w')\nopen('ou\\nt/a.txt', 'w')"})
    assert made.outputs == ["results/*"]


@pytest.mark.parametrize(
    "code",
    [
        "(" * 5000,
        "x = " + "-" * 20000 + "1",
        "a = b + b\n" + "".join(f"{chr(98 + n)} = {chr(99 + n)} + {chr(99 + n)}\n" for n in range(24)) + "open(a, 'w')",
        "a = a\nopen(a, 'w')",
        "x = '\\d'\nopen('a.txt', 'w')",
        "\0",
        "def f(:",
        "f'{" * 200,
    ],
)
def test_code_that_is_made_to_be_hard_to_read_ends_quickly_and_well(proposed, code):
    assert proposed({"analysis.py": code}).command == ["python3", "analysis.py"]


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"cells": [1, {"cell_type": "code", "source": [1, null]}]}'])
def test_a_broken_notebook_breaks_nothing(proposed, text):
    assert proposed({"a.ipynb": text}).command[0] == "jupyter"


def test_code_is_parsed_and_not_executed(proposed, tmp_path):
    trap = tmp_path / "trap"
    proposed({"analysis.py": f"open({str(trap)!r}, 'w').write('executed')\n", "a.ipynb": notebook(f"open({str(trap)!r}, 'w')")})
    assert not trap.exists()
