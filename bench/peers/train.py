"""PyTorch trains INPUTS-64-64-1 on random rows: ReLU, dropout 0.1, weighted binary cross-entropy, AdamW, on one thread.

    train.py INPUTS ROWS BATCH EPOCHS

Prints a JSON object with the rows per second, of processor time and by the clock, of the fastest epoch but the first, by the
fastest of AdamW's own implementations.
"""

import json
import sys
import time

import torch

torch.set_num_threads(1)


def network(inputs):
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1)
    )


def epochs(x, y, w, batch, count, **kind):
    """Seconds of each epoch, of processor time and by the clock."""
    net = network(x.shape[1]).train()
    solver = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4, **kind)
    for _ in range(count):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        order = torch.randperm(len(x))
        for chosen in order.split(batch):
            solver.zero_grad(set_to_none=True)
            logits = net(x.index_select(0, chosen)).squeeze(1)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, y.index_select(0, chosen), weight=w.index_select(0, chosen)
            )
            loss.backward()
            solver.step()
        yield time.process_time() - begin_cpu, time.perf_counter() - begin


def main(inputs, rows, batch, count):
    torch.manual_seed(1)
    x = torch.randn(rows, inputs)
    y = (x[:, 0] > 2).float()
    w = torch.ones(rows)
    taken = []
    for kind in ({"foreach": True}, {"fused": True}):
        taken += list(epochs(x, y, w, batch, count, **kind))[1:]
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "rows_per_cpu_second": rows / min(cpu for cpu, _ in taken),
                "rows_per_second": rows / min(clock for _, clock in taken),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
