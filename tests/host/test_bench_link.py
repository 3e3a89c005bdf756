import json

from offramp.host.cli.main import run


def test_bench_measures_the_wire_and_runs_campaigns(capsys):
    arguments = ["bench", "link", "zoo:digits", "--batch", "10", "--images", "10"]
    assert run([*arguments, "--rtl-images", "0", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    (throughput,) = values["throughput"]
    assert throughput["results_wrong"] == 0
    assert 85 < throughput["load_percent"] < 100
    rows = values["campaigns"]
    assert [row["rate"] for row in rows] == [0.0, 1e-4, 1e-3, 1e-2, 0.0]
    for row in rows:
        assert (row["images"], row["executed"], row["lost"], row["wrong"]) == (10, 10, 0, 0)
    assert rows[-1]["faults"]["noise"] > 900_000


def test_bench_without_data_says_so_and_prints_tables(capsys):
    assert run(["bench", "link", "zoo:blenet-mnist", "--images", "3", "--rtl-images", "0"]) == 0
    done = capsys.readouterr()
    assert "zoo:blenet-mnist left out" in done.err
    assert "sent again" in done.out
