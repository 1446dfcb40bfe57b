package main

import (
	"sort"

	"github.com/zeromicro/go-zero/core/discov"
	"github.com/zeromicro/go-zero/core/logx"
)

// go-zero's core/discov.
type goZero struct {
	endpoints []string
	publisher *discov.Publisher
}

func newGoZero(etcd string) (stack, error) {
	// Its log goes to the standard output.
	logx.Disable()
	return &goZero{endpoints: []string{etcd}}, nil
}

func (z *goZero) register(instance command) error {
	if z.publisher != nil {
		z.publisher.Stop()
	}
	discov.TimeToLive = instance.TTL
	z.publisher = discov.NewPublisher(z.endpoints, instance.Service, instance.Address)
	return z.publisher.KeepAlive()
}

func (z *goZero) leave() error {
	z.publisher.Stop()
	z.publisher = nil
	return nil
}

func (z *goZero) follow(service string, sees func(any)) error {
	subscriber, err := discov.NewSubscriber(z.endpoints, service)
	if err != nil {
		return err
	}
	report := func() {
		// Its own slice must not be sorted.
		all := append([]string{}, subscriber.Values()...)
		sort.Strings(all)
		sees(all)
	}
	subscriber.AddListener(report)
	report()
	return nil
}

// `pause` revokes its lease, and `resume` writes the address under another one.
func (z *goZero) run(asked command) (any, error) {
	if asked.Do == "pause" {
		z.publisher.Pause()
	} else {
		z.publisher.Resume()
	}
	return nil, nil
}
