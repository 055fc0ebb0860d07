package token

import (
	"fmt"
	"math"

	"cobot_vla/model"
)

// Driving in value tokens, "in the same manner as the manipulation data" (LLaVA-VLA, finding 8, which advises against it): a
// mobile task's every decision is
//
//	forward turn action{chunk·dims}
//
// forward's bins span 0 to the manifest's metres, turn's its radians to the right and to the left. The robot drives by
// the larger of the two, in parts of their ranges, and does the steps where both are within stillBins of nothing.
const stillBins = 1

// parseValues is Parse of such a decision.
func (g *Grammar) parseValues(ids []uint32) (model.Action, error) {
	lead := g.Lead()
	if len(ids) < lead {
		return model.Action{}, fmt.Errorf("%w: %d tokens, a mobile task's begin with forward and turn", ErrGrammar, len(ids))
	}
	for i, id := range ids[:lead] {
		if !g.tok.Is(id) {
			return model.Action{}, g.stranger(i, id)
		}
	}
	n, still := g.motion(ids[0], ids[1])
	if still || len(ids) != lead {
		a, err := g.parseSteps(ids[lead:], lead)
		if err != nil || still {
			return a, err
		}
	}
	return model.Action{Navigation: &n}, nil
}

// motion is what forward and turn say; still that they say nothing.
func (g *Grammar) motion(forward, turn uint32) (n model.Navigation, still bool) {
	ahead, around := g.tok.Decode(forward), g.tok.Decode(turn)
	n = model.Navigation{Direction: Forward, Value: (ahead + 1) / 2 * g.nav.MaxForward, DirectionToken: forward, ValueToken: turn}
	if math.Abs(around) > (ahead+1)/2 {
		n.Direction, n.Value = TurnLeft, around*g.nav.MaxTurn
		if around < 0 {
			n.Direction, n.Value = TurnRight, -n.Value
		}
	}
	zero := g.Still()
	return n, distance(forward, zero[0]) <= stillBins && distance(turn, zero[1]) <= stillBins
}

// driveValues is Drive: never so little that it would mean nothing.
func (g *Grammar) driveValues(direction uint8, value float64) model.Navigation {
	ids := g.Still()
	part := value / g.span(direction)
	switch direction {
	case Forward: // ids fall as values rise
		ids[0] = min(g.tok.Encode(2*part-1), ids[0]-stillBins-1)
	case TurnLeft:
		ids[1] = min(g.tok.Encode(part), ids[1]-stillBins-1)
	case TurnRight:
		ids[1] = max(g.tok.Encode(-part), ids[1]+stillBins+1)
	}
	n, _ := g.motion(ids[0], ids[1])
	return n
}

func distance(a, b uint32) uint32 { return max(a, b) - min(a, b) }
