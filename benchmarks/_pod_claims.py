"""What must hold of a pod plan's rows."""

from benchmarks import _results

PROGRAMS = ('moments', 'running sum', 'plain step', 'projected step')
SOFT = ('soft filter', 'damped step')  # on the largest pod alone: what they add is not sharded
MEMORY_BYTES = 16 * 2**30  # of a v5e chip, says Google


def memory(row: dict) -> int:
  return sum(row['memory_bytes'].values())


def exchanged(row: dict) -> int:
  return sum(collective['bytes'] for collective in row['collectives'])


def collectives(row: dict) -> int:
  return sum(collective['count'] for collective in row['collectives'])


def check(rows: list[dict]) -> list[_results.Claim]:
  """What must hold on every pod."""
  by = {(r['model'], r['chips'], r['program']): r for r in rows}
  claims, claim = [], _results.Claim
  for model, chips in sorted({key[:2] for key in by}):
    moments, add, plain, projected = (by[model, chips, name] for name in PROGRAMS)
    soft = [by[model, chips, name] for name in SOFT if (model, chips, name) in by]
    where = f'{model} on {chips} chips'
    others = [c for c in moments['collectives'] if c['kind'] != 'all-reduce']
    one_set = moments['memory_bytes']['results']
    claims += [
        claim(f'{where}: bytes of activations that the moment pass exchanges',
              sum(c['bytes'] for c in others), 'at most', 0),
        claim(f'{where}: bytes all-reduced for moments, per byte of the blocks '
              'that have to be', exchanged(moments) / moments['bytes_to_sum'],
              'at most', 1.05),
        # What it is given are two sets of moments, the old sum and the new ones.
        claim(f'{where}: bytes of the old sum that serve the next one, per byte',
              add['bytes_in_place']
              / (add['memory_bytes']['arguments'] / 2), 'at least', 1),
        claim(f'{where}: bytes that the running sum takes anew, per byte of moments',
              (add['memory_bytes']['results'] + add['memory_bytes']['temporaries'])
              / one_set, 'at most', .001),  # a table of where the results are
        claim(f'{where}: bytes that the running sum exchanges', exchanged(add),
              'at most', 0)]
    for row in soft[:1]:
      claims.append(claim(f'{where}: bytes that the soft filter exchanges',
                          exchanged(row), 'at most', 0))
    for row in (projected, *soft[1:]):
      claims += [
          claim(f'{where}: bytes exchanged by the {row["program"]}, per byte of the '
                'plain one', exchanged(row) / exchanged(plain), 'at most', 1),
          claim(f'{where}: kinds of collectives that only the {row["program"]} has',
                len({c['kind'] for c in row['collectives']}
                    - {c['kind'] for c in plain['collectives']}), 'at most', 0),
          claim(f'{where}: collectives of the {row["program"]} beyond those of the '
                'plain one', collectives(row) - collectives(plain), 'at most', 0)]
    # The sum of the batches before lies there while the next one is computed.
    for name, used in (('moments with their sum so far', memory(moments) + one_set),
                       *((row['program'], memory(row))
                         for row in (plain, projected, *soft))):
      claims.append(claim(f'{where}: memory of the {name} per chip, of what it has',
                          used / MEMORY_BYTES, 'at most', 1))
  for model in sorted({key[0] for key in by}):
    sizes = [chips for name, chips, _ in by if name == model]
    few, many = min(sizes), max(sizes)
    images = by[model, few, 'moments']['images_per_chip']
    claims.append(claim(
        f'{model}: memory per chip of the moment pass for {many * images} '
        f'images at once, per that for {few * images}',
        memory(by[model, many, 'moments']) / memory(by[model, few, 'moments']),
        'at most', 1.02))
  return claims
