"""A step can be captured: nothing in it reads the device."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from streamdeq.solvers import BestSoFar, Broyden, Evaluations, FreeLastStep, Picard, Tolerance, solve

from .problems import Tanh, close, zeros

SOLVERS = [Picard(), Picard(0.5), Broyden(2), BestSoFar(Picard()), FreeLastStep(Broyden(3))]


def halved(z):
    return z.map(lambda m: torch.tanh(m) * 0.5 + 1)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_fixed_budget_needs_no_data_at_all(solver):
    with FakeTensorMode():  # its tensors have shapes but no contents: reading one raises
        z0 = zeros(3)
        state = solve(halved, solver, z0, Evaluations(6)).state
        state = solver.renew(state, torch.ones(3, dtype=torch.bool), state.answer)
        state = solver.step(halved, state, torch.ones(3, dtype=torch.bool))
        assert state.answer.shapes == z0.shapes


def test_a_tolerance_needs_data():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        solve(halved, Picard(), zeros(3), Tolerance(6, relative=1e-3))


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_step_is_one_graph_to_the_compiler(solver):
    @torch.no_grad()
    def advance(state, active):
        return solver.step(halved, state, active)

    compiled = torch.compile(advance, fullgraph=True, backend="eager")
    active = torch.tensor([True, False, True])
    state = solver.step(halved, solver.init(zeros(3)))
    fork = state.clone()
    for _ in range(3):
        state, fork = advance(state, active), compiled(fork, active)
    close(fork, state, 1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_replayed_cuda_graph_of_a_step_is_the_step(solver):
    host = Tanh.contraction([0.5, 0.9])
    f = Tanh(host.a.cuda(), host.solution.cuda())
    with torch.no_grad():
        start = solver.step(f, solver.init(zeros(2).to("cuda")))
        static = start.clone()
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            solver.step(f, static.clone())
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = solver.step(f, static)
        graph.replay()
        torch.cuda.synchronize()
        close(captured, solver.step(f, start))
