"""The answers that the page opens with, against the numbers."""

import dataclasses
from dataclasses import replace
import re

import pytest

from experiments import forget_class
from tests.report import examples
from tests.report import html_reader
from unsc_jax.command import evaluate
from unsc_jax.report import answers
from unsc_jax.report import certainty
from unsc_jax.report import commands
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import first_screen
from unsc_jax.report import next_step


def _answers(results, method='unsc'):
  """Question to text, with usual spaces."""
  comparison = comparison_lib.compare(results)
  return {answer.question: html_reader.plain(answer.text)
          for answer in first_screen.answers(results, comparison, method)}


def _next(results, method='unsc'):
  step = next_step.step(results, comparison_lib.compare(results), method)
  return step.text, step.command


def _retrained(example, seeds=3, **metrics):
  return examples.mimic(example(seeds), 'unsc', 'retrain', **metrics)


def test_what_was_asked_is_told_with_its_count(example):
  assert answers.asked(example(1)).text == (
      'Forget Shirt (class 6) of fashion_mnist: 5400 of 54000 training examples.')
  single = replace(example(1), forget_classes=(), dataset=replace(
      example(1).dataset, sizes=replace(example(1).dataset.sizes, forget=1)))
  assert answers.asked(single).text.startswith('Forget 1 single example of the 54000 ')


def test_forgotten_says_what_the_answers_and_the_probe_say(example):
  results = examples.edit(example(3), metrics={}, seconds={})
  for method, values in (('original', (.7, .8, .9)), ('retrain', (0., 0., 0.)),
                         ('unsc', (.0, .0, .0))):
    results = examples.edit(results, method, metrics={'forget_test': values})
  for method, values in (('retrain', (.55, .56, .57)), ('head_only', (.66, .65, .64)),
                         ('unsc', (.63, .64, .65))):
    results = examples.edit(results, method, metrics={'probe': values})
  text = _answers(results)['Forgotten?']
  assert text.startswith(
      'At the output yes. Forget accuracy (test) 0.0 ± 0.0 % (80.0 % before, 0.0 % retrained). '
      'Behind it no: the linear probe still finds 64.0 % against 56.0 % (masking alone: '
      '65.0 %). Like retrained on 0 of 1 measure that can tell (head-only 0, original 0); ')


def test_counts_of_all_measures_are_those_of_the_flags(full):
  results = full()
  comparison = comparison_lib.compare(results)
  text = answers.counts(comparison, 'unsc')
  judged = comparison.judged('unsc')
  like = {method: sum(cell.place == 'like' for cell in comparison.judged(method).values())
          for method in ('unsc', 'head_only', 'original')}
  assert text.endswith(
      f'on {like["unsc"]} of all {len(judged)} (head-only {like["head_only"]}, original '
      f'{like["original"]}).')


@pytest.mark.parametrize(('metrics', 'said'), [
    ({}, 'Yes, like a retrained model.'), ({'forget_test': .5}, 'No: the forget accuracy'),
    ({'probe': .2}, 'No knowledge is found, but it is not like a retrained model: the '),
    ({'probe': .7}, 'At the output yes.')])
def test_forgotten_opens_with_its_answer(example, metrics, said):
  assert _answers(_retrained(example, **metrics))['Forgotten?'].startswith(said)


def test_harm_does_not_hide_what_was_forgotten(example):
  said = _answers(_retrained(example, retain_test=.8))
  assert said['Forgotten?'].startswith('Yes, like a retrained model.')
  assert said['Harmed?'].startswith('Yes: accuracy on what remains 80.0 ± 0.0 % (before 92.')


def test_no_measure_that_can_tell_is_said(example):
  text = _answers(examples.edit(example(3), metrics={'probe': (.97, .98, .99)}))['Forgotten?']
  assert 'nothing here can tell it from masking a logit' in text
  assert 'No measure of it can tell; it is like retrained on' in text


@pytest.mark.parametrize(('mine', 'whole', 'said'), [
    (10., 400., '10.0 s, 40 times as fast as retraining (6 min 40 s).'),
    (40., 10., '40.0 s, 4.0 times the time of retraining (10.0 s).'),
    (10., None, '10.0 s; retraining was not timed here.'), (None, 9., 'Nothing was timed.')])
def test_cost_is_beside_retraining(example, mine, whole, said):
  results = example(1, quick=True)
  for method, seconds in (('unsc', mine), ('retrain', whole)):
    results = examples.edit(
        results, method, seconds={} if seconds is None else {'steps': seconds})
  assert html_reader.plain(answers.cost(results, 'unsc').text) == said


def _few(example, original, count=20):
  """Twenty examples: an attack is known within 22 points."""
  results = examples.edit(
      example(1), metrics={'mia_confidence': .5}, intervals={'mia_confidence': (.28, .72)})
  results = examples.edit(
      results, 'original', metrics={'mia_confidence': original},
      intervals={'mia_confidence': (original - .22, min(1., original + .22))})
  return replace(results, dataset=replace(
      results.dataset, sizes=replace(results.dataset.sizes, forget=count)))


@pytest.mark.parametrize(('original', 'tells'), [(.55, False), (.99, True)])
def test_so_few_examples_are_said_to_show_so_little(example, original, tells):
  results = _few(example, original)
  text = html_reader.plain(certainty.within(
      results, comparison_lib.compare(results), 'unsc'))
  assert text.startswith('With 20 examples to forget, confidence attack ± 0.220 (95 %).')
  assert ('By the confidence attack even the untouched original passes for retrained.'
          in text) != tells


def test_without_a_count_or_intervals_no_number_is_made_up(example):
  results = _few(example, .5, None)
  within = lambda results: certainty.within(
      results, comparison_lib.compare(results), 'unsc')
  assert within(results).startswith('Confidence attack ±')
  assert within(examples.edit(results, intervals={})) == ''


def test_seeds_that_differ_are_counted_by_their_word(example):
  results = _retrained(example)
  assert 'Every seed by itself says the same; like retrained on 1 that can tell.' in (
      _answers(results)['How sure?'])
  changed = examples.edit(results, 'unsc', seed=1, metrics={'probe': .3})
  assert ('Seed by seed: forgotten in 2 and unlike retrained in 1; like retrained on 0 to '
          '1 that can tell.') in _answers(changed)['How sure?']
  assert 'by itself' not in _answers(example(1))['How sure?']


@pytest.mark.parametrize(('metrics', 'option', 'value'), [
    ({'retain_test': .8}, 'energy', '0.996667'), ({'probe': .7}, 'energy', '0.97'),
    ({'forget_test': .5}, 'learning_rate', '0.2'), ({'probe': .2}, 'learning_rate', '0.05')])
def test_the_next_step_turns_what_helps(example, metrics, option, value):
  results = _retrained(example, **metrics)
  results = replace(results, config={**results.config, 'learning_rate': .1})
  text, command = _next(results)
  assert command == f'{results.command} --{option.replace("_", "-")} {value}'
  assert text.endswith('.')
  if option == 'energy':  # where a soft filter damps, nothing is cut at an energy
    soft = replace(results, config={**results.config, 'tau': .003})
    assert _next(soft)[1] == (
        f'{results.command} --tau {"0.001" if "retain_test" in metrics else "0.009"}')
  others = replace(results, methods=(*results.methods[:3], 'salun'), rows=tuple(
      replace(row, method=row.method.replace('unsc', 'salun')) for row in results.rows))
  assert _next(others, 'salun')[1] == ''  # it has no such option


def test_the_next_step_asks_first_for_what_would_tell(example):
  assert 'retrained without' in _next(
      examples.keep(example(3), 'original', 'head_only', 'unsc'))[0]
  assert 'head-only control' in _next(
      examples.keep(example(3), 'original', 'retrain', 'unsc'))[0]
  blind = examples.edit(example(3), metrics={'probe': (.97, .98, .99)})
  blind = replace(blind, config={**blind.config, 'shadows': 0})
  assert _next(blind)[1].endswith('--shadows 8')
  one = _retrained(example, 1)
  one = replace(one, config={**one.config, 'references': None})
  assert _next(one)[1].endswith('--references 2')
  assert _next(_retrained(example)) == (
      'Nothing is left to do: keep results.json beside the weights.', '')
  assert _next(examples.keep(example(3), 'original', 'retrain', 'head_only'), None)[1] == ''


def test_every_option_that_is_advised_exists():
  fields = lambda options: {field.name for field in dataclasses.fields(options)}
  advised = {option for remedy in next_step.REMEDIES.values() for option in remedy.options}
  assert {*advised, 'references', 'shadows', 'seeds'} <= fields(forget_class.Config)
  assert {*advised, 'references', 'shadows', 'seed'} <= fields(evaluate.Evaluate)


def test_a_script_of_ones_own_is_told_the_call(example):
  results = replace(example(1), command='python mine.py', config={
      'seeds': [0], 'references': 0})
  assert commands.again(results, references=2) == (
      'unsc_jax.evaluate(problem, methods, test, references=2)')
  assert commands.retrained(results).endswith('recipe=recipe)')
  forget = replace(results, command='unsc-jax forget --forget 3 --data digits')
  assert commands.retrained(forget) == 'unsc-jax evaluate --forget 3 --data digits'


@pytest.mark.parametrize('command', ['', 'run "', 'run --energy=.9 --seeds 0'])
def test_a_command_that_is_odd_stays_a_command(example, command):
  again = commands.again(replace(example(1), command=command), energy=.97)
  assert again in ('', 'run --seeds 0 --energy 0.97')


def test_the_page_opens_with_unsc_and_names_the_others_by_status(full):
  text = first_screen.first_screen(full(), comparison_lib.compare(full()))
  assert re.search('class="status"><span class="badge [a-z]+">. [^<]*</span> <b>UNSC</b>', text)
  others = re.search('class="others">(.*?)</p>', text, re.DOTALL)[1]
  assert 'SalUn' in others
  assert 'Random label' in others
  assert 'UNSC' not in others
  assert text.count('class="found"') == 1
